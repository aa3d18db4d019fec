/** The statistics that the server offers for the matrices, and the one that is shown. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { StatisticInfo } from "../api/types";
import { snapshot } from "./data";
import { chosenStatistic } from "./view";

/** The statistics that the server has, in the order of menus. */
export const statistics: ReadonlySignal<readonly StatisticInfo[]> = computed(
  () => snapshot.value.value?.statistics ?? [],
);

/** Description of a statistic; one that the server does not have is described by its name. */
export function statisticInfo(name: string): StatisticInfo {
  return (
    statistics.value.find((one) => one.name === name) ?? {
      name,
      label: name,
      title: name,
      unit: "activation",
      source: "exact",
      signed: true,
      end: null,
      description: "",
      rounding: "",
    }
  );
}

/** The statistic that is shown: the chosen one, unless a link names one that the server does not have. */
export const statistic: ReadonlySignal<string> = computed(() => {
  const [known, name] = [statistics.value, chosenStatistic.value];
  return known.length === 0 || known.some((one) => one.name === name) ? name : (known[0]?.name ?? name);
});
