"""On which address and port an instance listens."""
import json
import os
import socket
import zlib

DEFAULT_PORT = 8080


def choose(partition_folder, ip_list):
  """(address, port): the partition's own IPv6 address, else its IPv4 address.

  Where the node changes no network (alter_network = false) none of them is on this machine: the
  loopback address is used then, with a port that depends on the partition.
  """
  for address in _candidates(partition_folder, ip_list):
    if _is_here(address):
      return address, DEFAULT_PORT
  return '::1', 20000 + zlib.crc32(partition_folder.encode()) % 20000


def url(address, port):
  return 'http://%s:%d/' % ('[%s]' % address if ':' in address else address, port)


def family(address):
  return socket.AF_INET6 if ':' in address else socket.AF_INET


def _candidates(partition_folder, ip_list):
  found = [entry[1] for entry in ip_list or [] if len(entry) > 1]
  found += _resource_addresses(os.path.join(partition_folder, '.slapos-resource'))
  return sorted(found, key=lambda address: ':' not in address)


def _resource_addresses(path):
  try:
    with open(path) as resource:
      return [entry['addr'] for entry in json.load(resource).get('address_list', [])]
  except (IOError, ValueError, KeyError):
    return []


def _is_here(address):
  try:
    probe = socket.socket(family(address), socket.SOCK_DGRAM)
  except OSError:
    return False
  try:
    probe.bind((address, 0))
    return True
  except OSError:
    return False
  finally:
    probe.close()
