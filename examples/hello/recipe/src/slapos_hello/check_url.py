"""The promise: the URL answers, and it is this instance that answers. Run as `check_url.py CONFIG`."""
import json
import sys
import time
import urllib.request

# The service was perhaps started a moment ago; the node gives a promise 20 seconds.
PATIENCE_SECONDS = 10


def check(config):
  """The text of what was seen. Raises when the service is wrong or does not answer."""
  opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
  answer = opener.open(config['url'] + 'status.json', timeout=5)
  try:
    status = json.loads(answer.read().decode('utf-8'))
  finally:
    answer.close()
  if status['title'] != config['title'] or status['parameters'] != config['parameters']:
    raise ValueError('another instance answers: %s' % status['title'])
  return '%s answers as %s' % (config['url'], status['title'])


def main(path):
  with open(path) as source:
    config = json.load(source)
  deadline = time.time() + PATIENCE_SECONDS
  while True:
    try:
      print(check(config))
      return 0
    except (OSError, ValueError, KeyError) as error:
      if time.time() > deadline:
        print('%s does not answer: %s' % (config['url'], error))
        return 1
      time.sleep(0.2)


if __name__ == '__main__':
  sys.exit(main(sys.argv[1]))
