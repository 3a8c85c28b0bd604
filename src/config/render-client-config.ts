/** Text of a new slapos-client.cfg (spec/cli.md 10.2). Pure. */
import { type MasterTrust, renderSection, trustLines } from './render-node-config.ts';

export interface ClientConfigValues extends MasterTrust {
  readonly masterUrl: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The text of slapos-client.cfg. */
export function renderClientConfig(values: ClientConfigValues): string {
  return [
    renderSection('slapos', [['master_url', values.masterUrl], ...trustLines(values)]),
    renderSection('slapconsole', [
      'Certificate and key of a person, by which commands such as request and supply',
      'speak to the Master. The node has others, in its own configuration.',
      ['cert_file', values.certFile],
      ['key_file', values.keyFile],
    ]),
  ].join('\n');
}
