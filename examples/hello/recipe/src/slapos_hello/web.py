"""The service: a page about the instance, or an echo. Run as `web.py CONFIG`."""
import html
import http.server
import json
import os
import socket
import sys

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%(title)s</title></head>
<body><h1>%(title)s</h1>
<p>Served by uid %(uid)s from %(folder)s.</p>
<table><tr><th>parameter</th><th>value</th></tr>%(rows)s</table>
</body></html>
"""


class Handler(http.server.BaseHTTPRequestHandler):
  """`/status.json` in both modes; everything else depends on the mode."""

  config = {}
  timeout = 30

  def do_GET(self):
    if self.path == '/status.json':
      self._answer('application/json', json.dumps(self._status(), sort_keys=True) + '\n')
    elif self.config['mode'] == 'echo':
      self._answer('text/plain', '%s\n%s' % (self.requestline, self.headers))
    else:
      self._answer('text/html', self._page())

  def do_POST(self):
    if self.config['mode'] != 'echo':
      self.send_error(405)
      return
    length = min(int(self.headers.get('Content-Length') or 0), 1 << 20)
    self._answer('text/plain', self.rfile.read(length).decode('utf-8', 'replace'))

  def _status(self):
    config = self.config
    return {
      'title': config['title'],
      'mode': config['mode'],
      'parameters': config['parameters'],
      'uid': os.getuid(),
      'gid': os.getgid(),
      'pid': os.getpid(),
    }

  def _page(self):
    row = '<tr><td>%s</td><td>%s</td></tr>'
    rows = ''.join(row % (html.escape(str(key)), html.escape(str(value)))
                   for key, value in sorted(self.config['parameters'].items()))
    return PAGE % {
      'title': html.escape(self.config['title']),
      'uid': os.getuid(),
      'folder': html.escape(os.getcwd()),
      'rows': rows,
    }

  def _answer(self, content_type, text):
    body = text.encode('utf-8')
    self.send_response(200)
    self.send_header('Content-Type', content_type + '; charset=utf-8')
    self.send_header('Content-Length', str(len(body)))
    self.end_headers()
    self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
  daemon_threads = True


def main(path):
  with open(path) as source:
    Handler.config = json.load(source)
  address = Handler.config['address']
  Server.address_family = socket.AF_INET6 if ':' in address else socket.AF_INET
  server = Server((address, Handler.config['port']), Handler)
  print('listening on %s' % Handler.config['url'], flush=True)
  server.serve_forever()


if __name__ == '__main__':
  main(sys.argv[1])
