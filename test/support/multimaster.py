"""Asks one Master for instances that it has to ask another Master for, through upstream's library.

Arguments: the addresses of both Masters. Output: a JSON list of [title, result].
"""
import json
import sys

import requests
import slapos.slap

from slap_told import step, told

front, back = sys.argv[1:]
NEAR = 'https://example.com/near.cfg'
FAR = 'https://example.com/far.cfg'
#: The same Master by another name, asked as a partition.
AS_PARTITION = 'https://example.com/as-partition.cfg'


def connect(url):
  slap = slapos.slap.slap()
  slap.initializeConnection(url, slapgrid_rest_uri=url + 'hateoas')
  return slap


def order(*arguments, **keywords):
  return connect(front).registerOpenOrder().request(*arguments, **keywords)


def partition(url, computer, name):
  return connect(url).registerComputerPartition(computer, name)


def both(title):
  step('front %s' % title, connect(front).registerComputer('COMP-1').getComputerPartitionList)
  step('back %s' % title, connect(back).registerComputer('COMP-2').getComputerPartitionList)


def publish(name, connection, **keywords):
  step('%s publishes' % name, lambda: partition(back, 'COMP-2', name).setConnectionDict(connection, **keywords))


root = lambda **keywords: order(FAR, 'root', {'a': 'é & <', 'n': 1, 'e': ''}, **keywords)
slave = lambda **keywords: order(FAR, 'slave', {'x': 1}, shared=True, **keywords)
child = lambda value='1', **keywords: partition(front, 'COMP-1', 'slappart0').request(
  FAR, 'big', 'child', partition_parameter_kw={'k': value}, **keywords)

step('slave without host', slave)
step('near', lambda: order(NEAR, 'near', {'b': 'c'}))
step('root', root)
step('root again', root)
step('slave', slave)
step('child', child)
step('child slave', lambda: partition(front, 'COMP-1', 'slappart0').request(FAR, 'default', 'shared', shared=True))
step('by filter', lambda: order(NEAR, 'filtered', filter_kw={'master_url': back, 'x': 'y'}))
step('by filter to itself', lambda: order(NEAR, 'itself', filter_kw={'master_url': front}))
step('by filter to nobody', lambda: order(NEAR, 'nobody', filter_kw={'master_url': 'http://127.0.0.1:1/'}))
step('near asked of another later', lambda: order(NEAR, 'near', {'b': 'c'}, filter_kw={'master_url': back}))
both('after the requests')

publish('slappart0', {'url': 'http://é/?a=1&b=<2>', 'empty': '', 'number': 3})
publish('slappart0', {'key': 'of the slave'}, slave_reference='_user_slave')
publish('slappart1', {'key': 'of the child'})
for title, ask in (('root', root), ('slave', slave), ('child', child)):
  found = step('%s with its connection' % title, ask)
  step('connection of %s' % title, lambda: found.getConnectionParameterDict())
  step('state of %s' % title, lambda: found.getState())
step('as a partition', lambda: order(AS_PARTITION, 'mine', {'p': 'q'}))
step('by JSON-RPC', lambda: requests.post(front + 'slapos.post.v0.software_instance', json={
  'title': 'rpc', 'software_release_uri': FAR, 'software_type': 'default', 'parameters': {'r': 's'}}).json())
step('more than there is room for', lambda: order(FAR, 'much'))

step('child changed', lambda: child('2'))
step('root stopped', lambda: root(state='stopped'))
step('root without state', root)
step('slave destroyed', lambda: slave(state='destroyed'))
step('child destroyed', lambda: child('2', state='destroyed'))
step('child is gone', partition(back, 'COMP-2', 'slappart1').destroyed)
both('after the changes')
step('child once more', child)
step('filtered without filter', lambda: order(NEAR, 'filtered'))
both('at the end')

json.dump(told, sys.stdout)
