import { describe, expect, it } from 'vitest';
import { renderStopDate } from '../../../src/report/collect-reports.ts';
import {
  findComputerReportFault,
  parsePartitionReport,
  renderAggregate,
} from '../../../src/report/consumption.ts';

const MOVEMENT =
  '<movement><resource>CPU</resource><title>cpu</title><reference>other</reference>' +
  '<quantity>1.5</quantity><price>0.0</price><VAT>None</VAT><category>None</category></movement>';

function report(movement = MOVEMENT): string {
  return `<?xml version="1.0"?>\n<consumption>\n  ${movement}\n</consumption>`;
}

describe('parsePartitionReport', () => {
  it('reads movements, optional elements left out', () => {
    const short =
      '<movement><resource>a</resource><quantity>1</quantity><price>.5</price><VAT/></movement>';
    const parsed = parsePartitionReport(report(MOVEMENT + short));
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
  ])('says why %j is none', (text, why) => {
    expect(parsePartitionReport(text)).toContain(why);
  });
});

describe('renderAggregate', () => {
  it('is the sample of the specification, without None for what is empty', () => {
    const movements = parsePartitionReport(report());
    if (typeof movements === 'string') throw new Error(movements);
    const text = renderAggregate('COMP-1', '2026-01-31 at 10:20:30', [
      { partitionId: 'slappart0', movements },
    ]);
    expect(text).toBe(
      '<?xml version="1.0"?><journal><transaction type="Sale Packing List"><title>Resource consumptions</title><start_date></start_date><stop_date>2026-01-31 at 10:20:30</stop_date><reference>COMP-1</reference><currency></currency><payment_mode></payment_mode><category></category><arrow type="Administration"><source></source><destination></destination></arrow><movement><resource>CPU</resource><title>cpu</title><reference>slappart0</reference><quantity>1.5</quantity><price>0.0</price><VAT>None</VAT><category>None</category></movement></transaction></journal>',
    );
    expect(findComputerReportFault(text)).toBeUndefined();
  });

  it('escapes values', () => {
    const movements = parsePartitionReport(report(MOVEMENT.replace('cpu', 'a &amp; &lt;b&gt;')));
    if (typeof movements === 'string') throw new Error(movements);
    const text = renderAggregate('C', 'd', [{ partitionId: 'p', movements }]);
    expect(text).toContain('<title>a &amp; &lt;b&gt;</title>');
    expect(findComputerReportFault(text)).toBeUndefined();
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
    expect(findComputerReportFault(text)).toContain(why);
  });
});
