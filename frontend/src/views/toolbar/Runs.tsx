/** The selects for the run and for what it is compared with. */

import type { JSX } from "preact";
import { integer, percent } from "../../draw/format";
import { chooseCompare, chooseRun } from "../../state/actions";
import { comparedSnapshot, run, runs, steps } from "../../state/currentSnapshot";
import { isComparisonPending, isPending } from "../../state/pending";
import { type Compare, compare } from "../../state/view";
import type { Option } from "../controls/Menu";
import { MiddleCut } from "../controls/MiddleCut";
import { Select } from "../controls/Select";

const NOTHING = "";

/** Selects the run. */
export function RunSelect(): JSX.Element {
  const options = (runs.value?.runs ?? []).map((info): Option<string> => {
    const last = info.steps.at(-1);
    const usable = info.steps.length > 0;
    return {
      value: info.name,
      label: info.name,
      detail: usable
        ? `${info.steps.length} steps${last?.accuracy == null ? "" : ` · ${percent(last.accuracy)}`}`
        : (info.problems[0] ?? "nothing readable"),
      disabled: !usable,
    };
  });
  return (
    <div class="toolbar-group">
      <span class="second">Run</span>
      <Select
        label="Run"
        value={run.value?.name ?? ""}
        options={options}
        onChoose={chooseRun}
        busy={isPending((shown) => shown.run !== run.value?.name)}
      >
        <MiddleCut name={run.value?.name ?? ""} />
      </Select>
    </div>
  );
}

/** Selects another run or step to compare with. */
export function CompareSelect(): JSX.Element {
  const here = run.value?.name ?? "";
  const others = (runs.value?.runs ?? []).filter(({ name, steps: there }) => name !== here && there.length > 0);
  const key = ({ run: name, step }: Compare): string => JSON.stringify([name, step]);
  const options: Option<string>[] = [
    { value: NOTHING, label: "nothing" },
    ...others.map(({ name }, i) => ({
      value: key({ run: name, step: null }),
      label: name,
      heading: i === 0 ? "Another run, at the nearest step" : undefined,
    })),
    ...steps.value
      .filter(({ problem }) => problem === null)
      .map(({ step, accuracy }, i) => ({
        value: key({ run: here, step }),
        label: `step ${integer(step)}`,
        detail: accuracy === null ? undefined : percent(accuracy),
        heading: i === 0 ? "Another step of this run" : undefined,
      })),
  ];
  const choose = (value: string): void => {
    const [name, step] = value === NOTHING ? [null, null] : (JSON.parse(value) as [string, number | null]);
    chooseCompare(name === null ? null : { run: name, step });
  };
  const compared = comparedSnapshot.value;
  return (
    <div class="toolbar-group">
      <span class="second">
        Compare<span class="toolbar-with"> with</span>
      </span>
      <Select
        plain={!compared}
        busy={isComparisonPending()}
        label="Compare with"
        value={
          compare.value
            ? key(compared && compared.run !== here ? { run: compared.run, step: null } : compare.value)
            : NOTHING
        }
        says={compared ? `${compared.run === here ? "" : `${compared.run} `}step ${integer(compared.step)}` : "nothing"}
        options={options}
        onChoose={choose}
      >
        {compared ? (
          <>
            {compared.run !== here && <MiddleCut name={compared.run} />}{" "}
            <span class="second">step {integer(compared.step)}</span>
          </>
        ) : (
          <span class="second">nothing</span>
        )}
      </Select>
    </div>
  );
}
