"""The two calls of the SLAP protocol that the recipe needs, with the standard library only."""
import ssl
import urllib.parse
import urllib.request

from slapos_hello import marshal

TIMEOUT_SECONDS = 60


class Master(object):
  """A SlapOS Master seen by one partition."""

  def __init__(self, connection):
    """`connection` is the section [slap-connection] that the node writes."""
    self.url = connection['server-url'].rstrip('/') + '/'
    self.computer = connection['computer-id']
    self.partition = connection['partition-id']
    self.context = None
    if self.url.startswith('https:'):
      self.context = ssl.create_default_context()
      if connection.get('cert-file'):
        self.context.load_cert_chain(connection['cert-file'], connection['key-file'])

  def read_partition(self):
    """The attributes of this partition; its parameters are under `_parameter_dict`."""
    query = urllib.parse.urlencode({
      'computer_reference': self.computer,
      'computer_partition_reference': self.partition,
    })
    return marshal.loads(self._open('registerComputerPartition?' + query))

  def publish(self, parameters):
    """Tells the requester of the instance how to connect to it."""
    form = urllib.parse.urlencode({
      'computer_id': self.computer,
      'computer_partition_id': self.partition,
      'connection_xml': marshal.dumps(parameters),
      'slave_reference': 'None',
    })
    self._open('setComputerPartitionConnectionXml', form.encode('ascii'))

  def _open(self, path, data=None):
    request = urllib.request.Request(self.url + path, data)
    options = {'context': self.context} if self.context else {}
    answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, **options)
    try:
      return answer.read()
    finally:
      answer.close()
