"""The run script: notes when the instance was started, and as whom. Run as `record_start.py CONFIG`."""
import json
import os
import sys
import time


def main(path):
  with open(path) as source:
    starts = json.load(source)['starts']
  os.makedirs(os.path.dirname(starts), exist_ok=True)
  with open(starts, 'a') as log:
    log.write('%s started by uid %d\n' % (time.strftime('%Y-%m-%dT%H:%M:%S%z'), os.getuid()))


if __name__ == '__main__':
  main(sys.argv[1])
