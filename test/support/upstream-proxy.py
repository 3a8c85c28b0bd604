"""Answers requests of standard input by upstream's slapproxy, without a socket.

Arguments: the database. Input: a JSON list of [method, path, form or JSON or null, headers].
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
  data = {'json': body} if path.startswith('/slapos.') else {'data': body}
  try:
    answer = client.open(path, method=method, headers=headers, **data)
    answers.append([answer.status_code, answer.content_type, answer.headers.get('Location'),
                    answer.get_data(as_text=True)])
  except Exception as error:
    answers.append([500, None, None, repr(error)])
json.dump(answers, sys.stdout)
