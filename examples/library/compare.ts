/** Whether balancing helps, told by a comparison: one that was interrupted goes on. */
import { compare } from 'tempbalance';

const [file = 'examples/burgers/compare.yaml'] = process.argv.slice(2);

const { folder, result } = await compare(file, {
  onEvent: (event) => {
    if (event.type === 'warning') console.warn(event.message);
  },
});
console.log(`report: ${folder}/report.html`);
for (const { sentence } of result?.judgement.findings ?? []) console.log(sentence);
