# Builds into $(OUT), with the address and undefined-behaviour sanitizers of gcc, the addon, the BPF
# reader (where BPF is 1) and the addon of known faults: for `npm run campaign -- leaks --sanitize`.
#   make -f test/leak/sanitized.mk OUT=FOLDER NODE_HEADERS=FOLDER ADDON_API=FOLDER BPF=0|1
# Left out: _FORTIFY_SOURCE, whose calls the sanitizer does not watch; the checks of null, under which
# gcc 12 does not take the address of a function for a constant, as node-addon-api does (the address
# sanitizer tells of the crash); the check of vptr, which takes an object for none where no descriptor
# is left for the pipe that it looks at memory with.
FLAGS = -std=c++20 -g -O1 -fPIC -pthread -fno-omit-frame-pointer -fvisibility=hidden \
  -fsanitize=address,undefined -fno-sanitize-recover=all \
  -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute,vptr
# As in binding.gyp.
DEFINES = -D_GNU_SOURCE -DNAPI_VERSION=8 -DNAPI_CPP_EXCEPTIONS -DNODE_ADDON_API_CPP_EXCEPTIONS_ALL \
  -DNODE_ADDON_API_DISABLE_DEPRECATED -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
INCLUDES = -Inative -isystem $(NODE_HEADERS) -isystem $(ADDON_API)

NATIVE = native/addon.cc $(shell find native/binding native/core -name '*.cc' ! -path '*/bpf/*')
READER = native/bpf_addon.cc native/binding/async.cc $(shell find native/core/bpf native/core/sys -name '*.cc')
FAULTS = test/leak/known_fault.cc
MODULES = slapos_native.node known_fault.node $(if $(filter 1,$(BPF)),slapos_bpf.node)

objects = $(patsubst %.cc,$(OUT)/objects/%.o,$(1))
link = $(CXX) $(FLAGS) -shared $(filter %.o,$^) -o $@

all: $(addprefix $(OUT)/,$(MODULES))

$(OUT)/slapos_native.node: $(call objects,$(NATIVE))
	$(link)
$(OUT)/known_fault.node: $(call objects,$(FAULTS))
	$(link)
$(OUT)/slapos_bpf.node: $(call objects,$(READER))
	$(link) -lbpf

$(OUT)/objects/%.o: %.cc $(lastword $(MAKEFILE_LIST))
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) $(DEFINES) $(INCLUDES) -MMD -MP -c $< -o $@

-include $(shell find $(OUT)/objects -name '*.d' 2>/dev/null)
