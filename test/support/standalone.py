"""Drives a node by upstream's StandaloneSlapOS, as tests of software releases do, and prints what
came of it as JSON. Arguments: folder, slapos command, URL of the interop release, IPv6 address."""
import json
import os
import sys
import urllib.request

from slapos.slap.standalone import StandaloneSlapOS

base, command, url, address = sys.argv[1:]
result = {}


def request(**wishes):
  return node.request(url, 'front', partition_parameter_kw={'greeting': 'hello'}, **wishes)


def name_python():
  """Only our node has this key: it has no Python of its own to build with."""
  path = os.path.join(base, 'etc', 'slapos.cfg')
  with open(path) as config:
    text = config.read()
  with open(path, 'w') as config:
    config.write(text.replace('[slapos]', '[slapos]\nbuildout_python = ' + sys.executable))


node = StandaloneSlapOS(base, '127.0.0.1', 5100, slapos_bin=command)
try:
  node.format(3, '127.0.0.1', address)
  name_python()
  node.supply(url)
  node.waitForSoftware()
  request()
  node.waitForInstance(max_retry=5)
  connection = request().getConnectionParameterDict()
  result['connection'] = sorted(connection)
  with urllib.request.urlopen(connection['url']) as answer:
    result['page'] = answer.read().decode()
  with node.instance_supervisor_rpc as supervisor:
    result['processes'] = [
      [each['group'], each['name'].split('-')[0], each['statename']]
      for each in supervisor.getAllProcessInfo()
    ]
  result['states'] = [each.getState() for each in node.computer.getComputerPartitionList()]
  request(state='destroyed')
  node.waitForInstance(max_retry=2)
  node.waitForReport()
  result['left'] = os.listdir(os.path.join(node.instance_directory, 'slappart0'))
  node.supply(url, state='destroyed')
  node.waitForSoftware()
  result['software'] = [each for each in os.listdir(node.software_directory) if each != '.log']
finally:
  node.stop()
print(json.dumps(result))
