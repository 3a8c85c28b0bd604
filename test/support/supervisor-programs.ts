/** Programs of every kind, for the stock supervisord and ours alike; `ROOT` is the folder. */

export const MAIN = `[supervisord]
logfile=ROOT/main.log
pidfile=ROOT/pid
childlogdir=ROOT/auto
identifier=supervisor
environment=SITE="paris",DEEP="%(here)s/deep"

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[unix_http_server]
file=ROOT/sv.sock
chmod=0700

[supervisorctl]
serverurl=unix://ROOT/sv.sock

[include]
files=conf.d/*.conf

[eventlistener:recorder]
command=ROOT/recorder ROOT/events
events=PROCESS_STATE,PROCESS_GROUP,PROCESS_LOG,PROCESS_COMMUNICATION,REMOTE_COMMUNICATION,SUPERVISOR_STATE_CHANGE
stderr_logfile=ROOT/recorder.err
buffer_size=1000
`;

/** Writes each event to a file. */
const RECORDER = `#!/usr/bin/python3
import sys
with open(sys.argv[1], 'a') as log:
    while True:
        sys.stdout.write('READY\\n')
        sys.stdout.flush()
        header = sys.stdin.readline()
        if not header:
            break
        words = dict(word.split(':', 1) for word in header.split())
        data = sys.stdin.read(int(words['len']))
        log.write(words['eventname'] + ' ' + data.replace('\\n', '|') + '\\n')
        log.flush()
        sys.stdout.write('RESULT 2\\nOK')
`;

/** A partition's group as the grid writes it, without its own user. */
const PARTITION = `[group:g]
programs=g_a,g_b,g_err

[program:g_a]
command=/bin/sh -c 'echo hello; echo world >&2; exec sleep 1000'
process_name=a-on-watch
autostart=false
autorestart=false
startsecs=0
startretries=0
exitcodes=0
stopsignal=TERM
stopwaitsecs=60
stopasgroup=true
killasgroup=true
serverurl=AUTO
redirect_stderr=true
stdout_logfile=ROOT/.g_a.log
stdout_logfile_maxbytes=100KB
stdout_logfile_backups=1
stderr_logfile=ROOT/.g_a.log

[program:g_b]
command=/bin/sleep 0.3
process_name=b
autostart=false
autorestart=false
startsecs=0
startretries=0
stdout_logfile=ROOT/b.log
stderr_logfile=ROOT/b.err

[program:g_err]
command=/bin/sh -c 'echo out; echo err >&2; exec sleep 1000'
process_name=err
autostart=false
startsecs=0
stdout_logfile=ROOT/err.out
stderr_logfile=ROOT/err.err
`;

const ODD = `[program:missing]
command=/nonexistent/program --x
autostart=false

[program:folder]
command=ROOT
autostart=false

[program:plain]
command=ROOT/main.conf
autostart=false

[program:unclosed]
command=/bin/sh -c 'open
autostart=false

[program:empty]
command=
autostart=false

[program:deaf]
command=/bin/sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
autostart=false
startsecs=0
stopwaitsecs=1
killasgroup=true
stdout_logfile=ROOT/deaf.log

[program:cat]
command=/bin/cat
autostart=false
startsecs=0
stdout_logfile=ROOT/cat.log

[program:silent]
command=/bin/sleep 1000
autostart=false
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE

[program:many]
command=/bin/sleep 100%(process_num)d
process_name=%(program_name)s-%(process_num)02d
numprocs=3
numprocs_start=1
autostart=false
startsecs=0
priority=5

[program:auto]
command=/bin/sleep 1000
startsecs=0
priority=20

[program:env]
command=/bin/sh -c 'env | grep -E "^(SITE|DEEP|OWN|SUPERVISOR_)" | sort; exec sleep 1000'
environment=OWN="%(ENV_SITE)s-%(program_name)s-%(group_name)s"
autostart=false
startsecs=0
redirect_stderr=true
stdout_logfile=ROOT/env.log

[fcgi-program:web]
command=/bin/sleep 1000
autostart=false
startsecs=0
socket=unix://ROOT/web.sock

[program:talker]
command=ROOT/talker
autostart=false
autorestart=false
startsecs=0
stdout_logfile=ROOT/talker.log
stderr_logfile=ROOT/talker.err
stdout_capture_maxbytes=1KB
stdout_events_enabled=true
stderr_events_enabled=true
`;

const TALKER = `#!/bin/sh
echo before, a line longer than a mark
sleep 0.3
printf '<!--XSUPERVISOR:BEGIN-->captured text<!--XSUPERVISOR:END-->'
sleep 0.3
echo after, a line longer than a mark
sleep 0.3
echo a problem >&2
sleep 0.3
echo a longer line at the end, beyond what is held back
sleep 0.3
`;

/** A group that fails: how fast is not the same twice. */
const QUICK = `[program:quick]
command=/bin/sh -c 'exit 3'
autostart=false
startsecs=10
startretries=0
`;

/** The files of a daemon. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  'main.conf': MAIN,
  recorder: RECORDER,
  talker: TALKER,
  'auto/keep': '',
  'conf.d/g.conf': PARTITION,
  'conf.d/odd.conf': ODD,
  'conf.d/quick.conf': QUICK,
};

/** One more group, to be added and removed. */
export const LATER = `[program:later]
command=/bin/sleep 1000
startsecs=0
`;
