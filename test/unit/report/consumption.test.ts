import { describe, expect, it } from 'vitest';
import {
  findComputerReportFault,
  parsePartitionReport,
  renderAggregate,
  renderMovement,
} from '../../../src/report/consumption.ts';
import { renderStopDate } from '../../../src/report/post-reports.ts';

const MOVEMENT =
  '<movement><resource>CPU</resource><title>cpu</title><reference>other</reference>' +
  '<quantity>1.5</quantity><price>0.0</price><VAT>None</VAT><category>None</category></movement>';

function report(movement = MOVEMENT): string {
  return `<?xml version="1.0"?>\n<consumption>\n  ${movement}\n</consumption>`;
}

const bytes = (text: string) => Buffer.from(text);

/** The aggregate of one report of slappart0. */
function aggregate(text: string): string {
  const movements = parsePartitionReport(bytes(text));
  if (typeof movements === 'string') throw new Error(movements);
  const rendered = movements.map((each) => renderMovement(each, 'slappart0')).join('');
  return renderAggregate('COMP-1', '2026-01-31 at 10:20:30', rendered);
}

describe('parsePartitionReport', () => {
  it('reads movements, optional elements left out', () => {
    const short =
      '<movement><resource>a</resource><quantity>1</quantity><price>.5</price><VAT/></movement>';
    const parsed = parsePartitionReport(bytes(report(MOVEMENT + short)));
    expect(parsed).toHaveLength(2);
    expect(parsed).toMatchObject([
      { fields: [['resource', 'CPU'], ['title', 'cpu'], ...new Array(5).fill(expect.anything())] },
      {
        fields: [
          ['resource', 'a'],
          ['quantity', '1'],
          ['price', '.5'],
          ['VAT', ''],
        ],
      },
    ]);
  });

  it.each([
    ['', 'not valid XML'],
    ['<consumption/>', '<consumption> has no <movement> where one belongs'],
    ['<journal/>', '<journal> stands where <consumption> belongs'],
    [report(MOVEMENT.replace('1.5', 'many')), '<quantity> holds no number: "many"'],
    [report(MOVEMENT.replace('<resource>CPU</resource>', '')), 'has no <resource>'],
    [report(MOVEMENT.replace('<title>', '<title x="1">')), '<title> may not have attribute x'],
    [
      report(MOVEMENT.replace('</movement>', '<x/></movement>')),
      '<movement> may not hold <x> here',
    ],
    [report(MOVEMENT.replace('<movement>', '<movement>text')), '<movement> may not hold text'],
    [report(MOVEMENT.replace('cpu', '<b/>')), '<title> may only hold text'],
    ['<!DOCTYPE x><consumption/>', 'document type declaration'],
    [
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><consumption>&b;</consumption>',
      'document type declaration',
    ],
    [
      '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><consumption>&a;</consumption>',
      'document type declaration',
    ],
    [report(MOVEMENT.replace('cpu', '&other;')), 'not valid XML'],
    [report(MOVEMENT.replace('cpu', '&#0;')), 'not valid XML'],
    [report('<a>'.repeat(301)), 'nested more than 300 deep'],
    [`${report()}<consumption/>`, 'not valid XML'],
    [report(MOVEMENT.replace('<title>', '<x:title>').replace('</title>', '</x:title>')), 'has no'],
    ['<consumption xmlns="urn:other"/>', 'may not have attribute xmlns'],
    [report(MOVEMENT.replace('</movement>', '<price>1</price></movement>')), '<price> here'],
    [report(MOVEMENT.replace(/(<resource>.*<.resource>)(<title>.*<.title>)/, '$2$1')), 'has no'],
  ])('says why %j is none', (text, why) => {
    expect(parsePartitionReport(bytes(text))).toContain(why);
  });
});

describe('the encoding of a report', () => {
  it('is the declared one', () => {
    const latin = `<?xml version="1.0" encoding="iso-8859-1"?>${report(MOVEMENT.replace('cpu', 'é')).slice(21)}`;
    expect(parsePartitionReport(Buffer.from(latin, 'latin1'))).toMatchObject([
      { fields: expect.arrayContaining([['title', 'é']]) },
    ]);
  });

  it('is UTF-8 otherwise, and nothing else', () => {
    const latin = Buffer.from(report(MOVEMENT.replace('cpu', 'é')), 'latin1');
    expect(parsePartitionReport(latin)).toContain('not valid XML');
  });
});

describe('renderAggregate', () => {
  it('is the sample of the specification', () => {
    const text = aggregate(report());
    expect(text).toBe(
      '<?xml version="1.0"?><journal><transaction type="Sale Packing List"><title>Resource consumptions</title><start_date></start_date><stop_date>2026-01-31 at 10:20:30</stop_date><reference>COMP-1</reference><currency></currency><payment_mode></payment_mode><category></category><arrow type="Administration"><source></source><destination></destination></arrow><movement><resource>CPU</resource><title>cpu</title><reference>slappart0</reference><quantity>1.5</quantity><price>0.0</price><VAT>None</VAT><category>None</category></movement></transaction></journal>',
    );
    expect(findComputerReportFault(bytes(text))).toBeUndefined();
  });

  it('leaves what is empty empty, where upstream writes None', () => {
    const empty = MOVEMENT.replaceAll('None', '').replace('CPU', '');
    const text = aggregate(report(empty));
    expect(text).not.toContain('None');
    expect(text).toContain('<movement><resource></resource><title>cpu</title>');
    expect(text).toContain('<VAT></VAT><category></category></movement>');
    expect(findComputerReportFault(bytes(text))).toBeUndefined();
  });

  it('escapes values, where upstream posts broken XML', () => {
    const text = aggregate(report(MOVEMENT.replace('cpu', 'a &amp; &lt;b>]]&gt;&#13;é')));
    expect(text).toContain('<title>a &amp; &lt;b&gt;]]&gt;&#13;é</title>');
    expect(findComputerReportFault(bytes(text))).toBeUndefined();
  });

  it('writes the date as upstream does', () => {
    expect(renderStopDate(new Date(2026, 0, 31, 10, 20, 30))).toBe('2026-01-31 at 10:20:30');
  });
});

describe('findComputerReportFault', () => {
  it.each([
    ['<journal/>', '<journal> has no <transaction>'],
    ['<journal><transaction/></journal>', '<transaction> has no attribute type'],
    ['<consumption/>', '<consumption> stands where <journal> belongs'],
    ['junk', 'not valid XML'],
  ])('of %s', (text, why) => {
    expect(findComputerReportFault(bytes(text))).toContain(why);
  });
});
