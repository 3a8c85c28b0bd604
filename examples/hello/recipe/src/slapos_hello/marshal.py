"""The marshalled XML of SLAP, as much of it as a recipe meets.

Reading: objects become dictionaries of their attributes, tuples and lists become lists.
Writing: dictionaries of text. Text is escaped twice on the wire.
"""
import xml.etree.ElementTree as ElementTree


def loads(document):
  """The Python value of a marshalled document, given as bytes."""
  root = ElementTree.fromstring(document)
  if _local_name(root) != 'marshal' or len(root) != 1:
    raise ValueError('not a marshalled document')
  return _read(root[0], {})


def dumps(value):
  """The marshalled document, in bytes, of a dictionary whose keys and values are text."""
  root = ElementTree.Element('marshal')
  dictionary = ElementTree.SubElement(root, 'dictionary', id='i2')
  for key in sorted(value):
    for text in (key, value[key]):
      ElementTree.SubElement(dictionary, 'string').text = _escape(text)
  return ElementTree.tostring(root, 'us-ascii', short_empty_elements=False)


def _local_name(element):
  return element.tag.rpartition('}')[2]


def _read(element, known):
  kind, text = _local_name(element), element.text or ''
  if kind == 'reference':
    return known[element.get('id')]
  if kind in _SCALARS:
    return _SCALARS[kind](text)
  if kind == 'tuple':
    return [_read(child, known) for child in element]
  if kind == 'list':
    result = known[element.get('id')] = []
    result.extend(_read(child, known) for child in element)
    return result
  if kind == 'dictionary':
    return _read_dictionary(element, known.setdefault(element.get('id'), {}), known)
  if kind == 'object':
    result = known[element.get('id')] = {}
    _read(element[0], known)
    result.update(_read(element[1], known) or {})
    return result
  raise ValueError('unknown element %s' % kind)


def _read_dictionary(element, result, known):
  values = [_read(child, known) for child in element]
  result.update(zip(values[::2], values[1::2]))
  return result


def _escape(text):
  return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')


def _unescape(text):
  return text.replace('&lt;', '<').replace('&gt;', '>').replace('&amp;', '&')


_SCALARS = {
  'none': lambda text: None,
  'bool': lambda text: int(text) != 0,
  'int': int,
  'long': int,
  'float': float,
  'string': _unescape,
  'unicode': _unescape,
}
