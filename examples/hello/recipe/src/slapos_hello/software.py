"""The recipe of software.cfg: makes the software release independent of the checkout."""
import os
import shutil

NAME = 'slapos_hello'


class Software(object):
  """Copies the package into the software folder and writes instance.cfg.

  Partitions then need only what their own users can read: the software folder.
  """

  def __init__(self, buildout, name, options):
    self.root = buildout['buildout']['directory']
    self.template = options['template']
    self.location = os.path.join(buildout['buildout']['parts-directory'], name)
    options['location'] = self.location

  def install(self):
    shutil.rmtree(self.location, ignore_errors=True)
    library = os.path.join(self.location, 'lib')
    links = os.path.join(self.location, 'develop-eggs')
    os.makedirs(links)
    self._copy_package(library)
    with open(os.path.join(links, NAME + '.egg-link'), 'w') as link:
      link.write('%s\n../' % library)
    return [self.location, self._write_instance_profile(links)]

  update = install

  def _copy_package(self, library):
    package = os.path.dirname(os.path.abspath(__file__))
    ignore = shutil.ignore_patterns('__pycache__')
    shutil.copytree(package, os.path.join(library, NAME), ignore=ignore)
    shutil.copytree(package + '.egg-info', os.path.join(library, NAME + '.egg-info'))

  def _write_instance_profile(self, links):
    with open(self.template) as template:
      text = template.read()
    path = os.path.join(self.root, 'instance.cfg')
    with open(path, 'w') as profile:
      profile.write(text.replace('@develop-eggs@', links))
    return path
