"""Makes this package known to zc.buildout without writing here and without any other package.

The checkout may be read-only for the user that builds, so nothing is generated: the metadata is
the committed folder src/slapos_hello.egg-info. Two doors lead to it: an egg link for
`setup.py develop` (zc.buildout up to 4) and a PEP 660 wheel for pip (zc.buildout 5 and later).
"""
import os
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, 'src')
NAME, VERSION = 'slapos_hello', '1.0'
DIST_INFO = '%s-%s.dist-info' % (NAME, VERSION)


def write_egg_link(arguments):
  """Answers `setup.py [-q] develop -mxN -d FOLDER`."""
  folder = arguments[arguments.index('-d') + 1]
  with open(os.path.join(folder, NAME + '.egg-link'), 'w') as link:
    link.write('%s\n../' % SOURCE)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
  """PEP 660: a wheel whose only content is the path of the source."""
  name = '%s-%s-0.editable-py3-none-any.whl' % (NAME, VERSION)
  with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w') as wheel:
    wheel.writestr('__editable__.%s.pth' % NAME, SOURCE + '\n')
    for path, text in _metadata().items():
      wheel.writestr('%s/%s' % (DIST_INFO, path), text)
    wheel.writestr(DIST_INFO + '/RECORD', '')
  return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
  """PEP 517 asks for it; the example is only ever installed in place."""
  raise NotImplementedError('this package is only installed by `develop`')


def _metadata():
  return {
    'METADATA': _read('PKG-INFO'),
    'entry_points.txt': _read('entry_points.txt'),
    'WHEEL': 'Wheel-Version: 1.0\nGenerator: slapos_hello\n'
             'Root-Is-Purelib: true\nTag: py3-none-any\n',
  }


def _read(name):
  with open(os.path.join(SOURCE, NAME + '.egg-info', name)) as source:
    return source.read()
