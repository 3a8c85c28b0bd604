"""The recipe of instance.cfg: parameters in, service, run script and promise, connection out."""
import hashlib
import json
import os
import sys

from slapos_hello import address
from slapos_hello.master import Master

RESERVED = frozenset((
  'ip_list', 'full_ip_list', 'full_address_list', 'instance_title', 'root_instance_title',
  'root_instance_short_title', 'slap_computer_id', 'slap_computer_partition_id',
  'slap_software_release_url', 'slap_software_type', 'slave_instance_list', 'timestamp',
))
SOFTWARE_TYPES = {
  'default': 'page',
  'RootSoftwareInstance': 'page',
  'echo': 'echo',
}
WRAPPER = "#!/bin/sh\nexec '%s' -I '%s' '%s'\n"


class Instance(object):
  """Two software types: `default` shows a page, `echo` answers with what it was sent."""

  def __init__(self, buildout, name, options):
    self.folder = buildout['buildout']['directory']
    self.master = Master(buildout['slap-connection'])
    parameters = self.master.read_partition().get('_parameter_dict') or {}
    self.config = self._read_config(parameters)
    # Part of the signature of the part: a change of any value installs it again.
    options['config'] = json.dumps(self.config, sort_keys=True).replace('$', '$$')

  def install(self):
    config = self._write('etc/hello.json', json.dumps(self.config, sort_keys=True, indent=1))
    with open(config, 'rb') as written:
      # The node restarts a service when its file has another name.
      version = hashlib.md5(written.read()).hexdigest()[:8]
    paths = [
      config,
      self._write_program('etc/service/hello-%s' % version, 'web.py', config),
      self._write_program('etc/run/record-start', 'record_start.py', config),
      self._write_program('etc/promise/check-url', 'check_url.py', config),
    ]
    self.master.publish({'url': self.config['url']})
    return paths

  update = install

  def _read_config(self, parameters):
    software_type = parameters.get('slap_software_type') or 'default'
    if software_type not in SOFTWARE_TYPES:
      raise ValueError('unknown software type %r, known are: %s'
                       % (software_type, ', '.join(sorted(SOFTWARE_TYPES))))
    listen, port = address.choose(self.folder, parameters.get('ip_list'))
    mine = dict((k, v) for k, v in parameters.items() if k not in RESERVED)
    return {
      'mode': SOFTWARE_TYPES[software_type],
      'title': parameters.get('instance_title') or os.path.basename(self.folder),
      'parameters': mine,
      'address': listen,
      'port': port,
      'url': address.url(listen, port),
      'starts': os.path.join(self.folder, 'var', 'log', 'starts.log'),
    }

  def _write_program(self, path, program, config):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), program)
    return self._write(path, WRAPPER % (sys.executable, script, config), 0o700)

  def _write(self, path, text, mode=0o600):
    target = os.path.join(self.folder, path)
    if not os.path.isdir(os.path.dirname(target)):
      os.makedirs(os.path.dirname(target))
    with open(target, 'w') as output:
      output.write(text)
    os.chmod(target, mode)
    return target
