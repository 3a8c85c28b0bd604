"""What scripts with upstream's slap library write down of their calls."""
told = []


def show(value):
  """As JSON; objects of the library by class and attributes, but for their connections."""
  if isinstance(value, dict):
    return {str(key): show(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [type(value).__name__] + [show(item) for item in value]
  if isinstance(value, (set, frozenset)):
    return sorted(value)
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  attributes = {name: show(item) for name, item in vars(value).items()
                if name not in ('_connection_helper', '_hateoas_navigator')}
  return [type(value).__name__, attributes]


def step(title, call):
  """Writes down what a call gives or raises, and gives it."""
  try:
    result = call()
    told.append([title, show(result)])
    return result
  except Exception as error:
    kind = type(error)
    status = getattr(getattr(error, 'response', None), 'status_code', None)
    told.append([title, ['raised', kind.__module__.split('.')[0] + '.' + kind.__name__, status]])
