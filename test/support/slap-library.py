"""Calls every public method of upstream's slap library against one Master, as recipes, consoles and
tests do, and prints what came of each.

Arguments: the address of the Master. Output: a JSON object: "told" is a list of [title, result],
"uncalled" the public methods found by introspection that no step called.
"""
import inspect
import json
import logging
import sys

import slapos.slap
import slapos.slap.hateoas as hateoas
from slapos.slap.slap import SlapConnectionHelper, SoftwareProductCollection
from slapos.util import dict2xml, dumps, loads, xml2dict

from slap_told import step, told

module = sys.modules['slapos.slap.slap']
url = sys.argv[1]
SOFTWARE = 'https://example.com/software.cfg'
OTHER = 'https://example.com/other.cfg'

called = set()
public = set()


def watch(owner):
  for name, method in list(vars(owner).items()):
    if name.startswith('_') or not inspect.isfunction(method):
      continue
    label = '%s.%s' % (owner.__name__, name)
    public.add(label)

    def watched(*args, __method=method, __label=label, **kw):
      called.add(__label)
      return __method(*args, **kw)

    setattr(owner, name, watched)


for source in (module, hateoas):
  for value in list(vars(source).values()):
    if inspect.isclass(value) and value.__module__ == source.__name__:
      watch(value)


def connect(rest=url + 'hateoas'):
  slap = slapos.slap.slap()
  slap.initializeConnection(url, slapgrid_rest_uri=rest)
  return slap


def partition(name, of='COMP-1'):
  return connect().registerComputerPartition(of, name)


def describe(name):
  """What an instance can say of itself, each by a partition that has asked for nothing yet."""
  for method in ('getId', 'getInstanceGuid', 'getState', 'getAccessStatus', 'getType', 'getStatus',
                 'getInstanceParameterDict', 'getConnectionParameterDict', 'getSoftwareRelease',
                 'getFullHostingIpAddressList', 'getCertificate'):
    step('%s %s' % (name, method), lambda: getattr(partition(name), method)())


slap = connect()
layout = {
  'reference': 'COMP-1', 'address': '10.0.0.1', 'netmask': '255.255.255.0',
  'partition_list': [{
    'reference': 'slappart%d' % index,
    'tap': {'name': 'tap%d' % index},
    'address_list': [{'addr': '10.0.1.%d' % index, 'netmask': '255.255.255.255'},
                     {'addr': 'fd00::%d' % index, 'netmask': 'ffff:ffff::'}],
  } for index in range(6)],
}

computer = slap.registerComputer('COMP-1')
step('the configuration', lambda: computer.updateConfiguration(dumps(layout)))
step('free partitions', computer.getComputerPartitionList)

supply = slap.registerSupply()
step('a supply', lambda: supply.supply(SOFTWARE, 'COMP-1'))
step('a supply of the default', lambda: supply.supply(OTHER, computer_guid='COMP-1', state='destroyed'))
step('a supply of no computer', lambda: supply.supply('é & <', None))
step('a supply in a wrong state', lambda: supply.supply(SOFTWARE, 'COMP-1', 'broken'))
releases = step('releases', connect().registerComputer('COMP-1').getSoftwareReleaseList) or []
for release in releases:
  for method in ('getComputerId', 'getURI', 'getState', 'building', 'available', 'destroyed'):
    step('release %s %s' % (release.getURI(), method), getattr(release, method))
  step('release %s error' % release.getURI(), lambda: release.error('é & <'))
step('releases left', connect().registerComputer('COMP-1').getSoftwareReleaseList)
lone = step('a lone release', lambda: slap.registerSoftwareRelease(SOFTWARE))
for method in ('getComputerId', 'getURI', 'getState', 'building', 'available', 'destroyed'):
  step('a lone release %s' % method, getattr(lone, method))
step('a lone release error', lambda: lone.error('x'))
step('supplied again', lambda: supply.supply(SOFTWARE, 'COMP-1'))

order = slap.registerOpenOrder()
step('a computer by order', lambda: order.requestComputer('COMP-1'))
PARAMETERS = {'n': 1, 't': True, 'none': None, 'e': '', 'a': 'b & <c>"\'', 'é': 'ü\n x', 'l': ['x', {'y': 2}], 'f': 1.5}
step('root', lambda: order.request(SOFTWARE, 'root', PARAMETERS))
step('root again', lambda: order.request(SOFTWARE, 'root', PARAMETERS))
step('root json', lambda: order.request(SOFTWARE, 'json', {'_': json.dumps(PARAMETERS)}, software_type='json', filter_kw={'computer_guid': 'COMP-1', 'x': 'y'}))
step('root stopped', lambda: order.request(SOFTWARE, 'json', {'_': json.dumps(PARAMETERS)}, software_type='json', state='stopped'))
step('root elsewhere', lambda: order.request(SOFTWARE, 'far', filter_kw={'computer_guid': 'COMP-9'}))
slave = step('slave', lambda: order.request(SOFTWARE, 'slave', {'x': 1}, shared=True))
step('slave of another', lambda: order.request(OTHER, 'slave2', shared=True))
for title in ('root', 'json', 'slave', 'nothing'):
  step('information of %s' % title, lambda: connect().registerOpenOrder().getInformation(title))

FRONTEND = 'http://git.erp5.org/gitweb/slapos.git/blob_plain/HEAD:/software/apache-frontend/software.cfg'
KVM = 'http://git.erp5.org/gitweb/slapos.git/blob_plain/refs/tags/slapos-0.92:/software/kvm/software.cfg'
for kind in (None, 'RootSoftwareInstance', 'default', 'other'):
  for address in ('https://[::1]:123/p?q#a', 'http://host/é b', 'host', ''):
    step('frontend %s of %s' % (kind, address), lambda: order.request(
      FRONTEND, 'frontend', {'url': address}, software_type=kind, shared=True))
step('frontend of nothing', lambda: order.request(FRONTEND, 'frontend', {'x': 'y'}, shared=True))
step('frontend that is no slave', lambda: order.request(FRONTEND, 'frontend', {'url': 'http://x/'}, filter_kw={'computer_guid': 'COMP-9'}))
for host, port in (('::1', '80'), ('host', '443'), ('10.0.0.1', 5900)):
  step('frontend of KVM at %s' % host, lambda: order.request(
    KVM, 'vnc', {'host': host, 'port': port}, software_type='frontend', shared=True))
step('frontend of KVM without port', lambda: order.request(KVM, 'vnc', {'host': 'x'}, software_type='frontend', shared=True))

root = partition('slappart0')
step('child', lambda: root.request(SOFTWARE, 'default', 'child', partition_parameter_kw={'é': '<&>'}))
step('child of a child', lambda: partition('slappart2').request(SOFTWARE, 'big', 'grandchild'))
step('child slave', lambda: root.request(SOFTWARE, 'default', 'shared', shared=True, partition_parameter_kw={'k': [1, 'é']}, filter_kw={'instance_guid': 'COMP-1-slappart2'}))
step('child with a broken parameter', lambda: root.request(SOFTWARE, 'default', 'x', partition_parameter_kw='text'))
step('information by a partition', lambda: root.getInformation('child'))

step('parameters', lambda: partition('slappart0').getInstanceParameterDict())
step('one parameter', lambda: partition('slappart0').getInstanceParameter('a'))
step('a parameter that is missing', lambda: partition('slappart0').getInstanceParameter('missing'))
step('connection', lambda: root.setConnectionDict({'url': 'http://é/?a=1&b=<2>', 'e': '', 'n': 3, 'none': None, '_': '{"a": 1}'}))
step('the same connection', lambda: partition('slappart0').setConnectionDict({'url': 'http://é/?a=1&b=<2>', 'e': '', 'n': 3}))
step('connection of a slave', lambda: partition('slappart0').setConnectionDict({'key': 'é'}, slave_reference='_slave'))
step('connection of the child slave', lambda: partition('slappart2').setConnectionDict({'key': 'child'}, slave_reference='root_shared'))
step('connection of no slave', lambda: partition('slappart0').setConnectionDict({'key': 'é'}, slave_reference='_no'))
step('one connection parameter', lambda: partition('slappart0').getConnectionParameter('url'))
step('a connection parameter that is missing', lambda: partition('slappart0').getConnectionParameter('missing'))
for title, shared in (('root', False), ('slave', True)):
  found = step('%s once more' % title, lambda: connect().registerOpenOrder().request(SOFTWARE, title, PARAMETERS if title == 'root' else {'x': 1}, shared=shared))
  step('connection of %s' % title, lambda: found.getConnectionParameterDict())
  step('parameter of %s' % title, lambda: found.getConnectionParameter('key'))

for name in ('slappart0', 'slappart1', 'slappart2', 'slappart3', 'slappart5', 'slappart9'):
  describe(name)
for method in ('started', 'stopped', 'destroyed'):
  step('slappart0 %s' % method, getattr(partition('slappart0'), method))
  step('slappart9 %s' % method, getattr(partition('slappart9'), method))
for name in ('slappart0', 'slappart9'):
  step('%s error' % name, lambda: partition(name).error('é & <'))
  step('%s error of a slave' % name, lambda: partition(name).error('é', slave_reference='_slave'))
  step('%s bang' % name, lambda: partition(name).bang('é & <'))
  step('%s usage' % name, lambda: partition(name).setUsage('x'))
  step('%s related' % name, lambda: partition(name).setComputerPartitionRelatedInstanceList(['child']))
step('related by requests', lambda: root.setComputerPartitionRelatedInstanceList([]))
step('renamed', lambda: partition('slappart1').rename('renamed'))
step('renamed slave', lambda: partition('slappart0').rename('renamed slave', slave_reference='_slave'))
step('renamed nothing', lambda: partition('slappart9').rename('x'))
step('the renamed', lambda: order.request(SOFTWARE, 'renamed', {'_': '{}'}, software_type='json'))

for name in ('COMP-1', 'COMP-9'):
  for method in ('getSoftwareReleaseList', 'getComputerPartitionList', 'getStatus', 'getInformation',
                 'generateCertificate', 'revokeCertificate'):
    step('%s %s' % (name, method), lambda: getattr(connect().registerComputer(name), method)())
  step('%s bang' % name, lambda: connect().registerComputer(name).bang('é'))
  step('%s usage' % name, lambda: connect().registerComputer(name).reportUsage('<x/>'))

step('destroyed root', lambda: order.request(SOFTWARE, 'renamed', state='destroyed'))
step('slappart1 destroyed', lambda: partition('slappart1').destroyed())
step('slave destroyed', lambda: order.request(SOFTWARE, 'slave', {'x': 1}, shared=True, state='destroyed'))
step('partitions left', connect().registerComputer('COMP-1').getComputerPartitionList)

step('token', lambda: slap.registerToken().request())
step('open orders', lambda: connect().getOpenOrderDict())
step('computers', lambda: connect().getComputerDict())
step('releases of a product', lambda: slap.getSoftwareReleaseListFromSoftwareProduct('kvm'))
step('releases like another', lambda: slap.getSoftwareReleaseListFromSoftwareProduct(software_release_url='https://example.com/kvm.cfg'))
step('releases of both', lambda: slap.getSoftwareReleaseListFromSoftwareProduct('kvm', 'https://example.com/kvm.cfg'))
step('releases of no product', lambda: slap.getSoftwareReleaseListFromSoftwareProduct('no'))
products = SoftwareProductCollection(logging.getLogger('quiet'), slap)
step('a product', lambda: products.kvm)
step('no product', lambda: products.no)
step('no REST address', lambda: connect(None).getOpenOrderDict())

helper = SlapConnectionHelper(url)
step('computer by connection', lambda: helper.getComputerInformation('COMP-1'))
step('full computer by connection', lambda: helper.getFullComputerInformation('COMP-1'))
step('no computer by connection', lambda: helper.getFullComputerInformation('COMP-9'))
step('a word', lambda: helper.GET('getSoftwareReleaseListFromSoftwareProduct', params={'software_product_reference': 'kvm'}))
step('a post', lambda: helper.POST('supplySupply', data={'url': OTHER, 'computer_id': 'COMP-1', 'state': 'available'}))
step('a request', lambda: helper.do_request('GET', 'nothing'))
step('a wrong verb', lambda: helper.GET('supplySupply'))
step('as a partition', lambda: loads(helper.POST('requestComputerPartition', data={
  'software_release': SOFTWARE, 'software_type': 'default', 'partition_reference': 'by-header',
  'partition_parameter_xml': dumps({}), 'filter_xml': dumps({}), 'state': dumps(None), 'shared_xml': dumps(False),
}, auth=hateoas.BasicSlapPartitionAuth('COMP-1', 'slappart0')).encode()))
step('instance XML', lambda: xml2dict(dict2xml({'a': 'é & <', 'b': ''})))

rest = hateoas.SlapHateoasNavigator(url + 'hateoas/')
root_document = step('REST root', rest.getRootDocument)
step('REST site', lambda: rest.getSiteDocument(url + 'hateoas/'))
step('REST GET', lambda: json.loads(rest.GET(url + 'hateoas/')))
step('REST no document', lambda: rest.GET(url + 'hateoas/nothing'))
step('REST me', rest.getMeDocument)
step('REST token', rest.getToken)
links = {'a': {'href': 'x', 'title': 'X'}, 'b': [{'href': 'y', 'title': 'Y'}]}
for title in ('X', 'Y', 'Z'):
  step('REST link %s' % title, lambda: rest.hateoasGetLinkFromLinks(links['b'], title))
step('REST links', lambda: rest.hateoasGetLinkFromLinks(links['a'], 'X'))
step('REST name', lambda: rest.getRelativeUrlFromUrn('urn:jio:get:computer_module/1'))
for select in (['title', 'url_string'], ['title'], ['uid', 'relative_url', 'reference']):
  for query in ('portal_type:"Instance Tree" AND validation_state:validated',
                'portal_type:"Instance Tree" AND validation_state:validated AND title:="root"',
                'portal_type:"Compute Node" AND validation_state:validated',
                'portal_type:"Compute Node" AND validation_state:validated AND reference:="COMP-1"',
                'portal_type:"Compute Node" AND validation_state:validated AND title:="COMP-1"',
                'portal_type:"Software Installation" AND validation_state:validated'):
    step('REST search %s %s' % (select, query), lambda: rest.jio_allDocs({'query': query, 'select_list': select}))
for key in ('/hateoas/partitions/root', '/hateoas/partitions/child', '/hateoas/partitions/no',
            '/hateoas/shared/shared', '/hateoas/computers/COMP-1', '/hateoas/computers/no'):
  step('REST %s' % key, lambda: rest.jio_get(key))
  step('REST view of %s' % key, lambda: rest.jio_getAttachment(key, 'view', {}))
  step('REST news of %s' % key, lambda: rest.getInstanceNews(key))
step('REST links of', lambda: rest.jio_getAttachment('x', 'links', {}))
step('REST by address', lambda: rest.jio_getAttachment('x', url + 'hateoas/', {}))
for title in (None, 'root', 'no'):
  step('REST trees %s' % title, lambda: rest.getInstanceTreeDict(title))
  step('REST instances of %s' % title, lambda: rest.getInstanceTreeInstanceList(title))
  step('REST root instance of %s' % title, lambda: rest.getInstanceTreeRootSoftwareInstanceInformation(title))
step('REST computers', rest.getComputerDict)
for name in ('COMP-1', 'COMP-9'):
  step('REST installations of %s' % name, lambda: rest.getSoftwareInstallationList(name))
  step('REST news of installation of %s' % name, lambda: rest.getSoftwareInstallationNews(name, SOFTWARE))
  step('REST news of %s' % name, lambda: rest.getComputerNews(name))
  step('REST news of a partition of %s' % name, lambda: rest.getComputerPartitionNews(name, 'slappart0'))

step('root in a wrong state', lambda: order.request(SOFTWARE, 'wrong', state='broken'))

json.dump({'told': told, 'uncalled': sorted(public - called)}, sys.stdout)
