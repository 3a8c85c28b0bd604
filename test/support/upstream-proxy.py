"""Answers requests of standard input by upstream's slapproxy, without a socket.

Arguments: the database. Input: a JSON list of [method, path, form or JSON or text of JSON or null,
headers].
Output: a JSON list of [status, content type, location or null, body].
"""
import json
import sys

from slapos.proxy.views import app

app.config.update(
    DATABASE_URI=sys.argv[1],
    computer_id='COMP-1',
    computer_id_list=[],
    software_product_list={'kvm': 'https://example.com/kvm.cfg'},
    multimaster={},
    run_id='x' * 32,
)
client = app.test_client()
answers = []
for method, path, body, headers in json.load(sys.stdin):
  data = {'data': body}
  if path.startswith('/slapos.'):
    # Not by the client's own JSON writer, which sorts keys.
    data = {'data': body if isinstance(body, str) else json.dumps(body),
            'content_type': 'application/json'}
  try:
    answer = client.open(path, method=method, headers=headers, **data)
    answers.append([answer.status_code, answer.content_type, answer.headers.get('Location'),
                    answer.get_data(as_text=True)])
  except Exception as error:
    answers.append([500, None, None, repr(error)])
json.dump(answers, sys.stdout)
