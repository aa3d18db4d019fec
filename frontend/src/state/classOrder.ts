/** The order in which classes stand as rows and as blocks. */

import type { SubsetInfo } from "../api/types";

/** As the user chose it; "auto" is by errors where there are more classes than fit on a page. */
export type ClassOrder = "auto" | "own" | "errors";

/** With more classes than this, those with most errors come first. */
export const MANY_CLASSES = 20;

export const isByErrors = (order: ClassOrder, classes: number): boolean =>
  order === "errors" || (order === "auto" && classes > MANY_CLASSES);

/** Wrong predictions per class, of the first `size` instances. */
export function errorsPerClass(
  label: ArrayLike<number>,
  correct: ArrayLike<number>,
  size: number,
): Map<number, number> {
  const errors = new Map<number, number>();
  for (let index = 0; index < Math.min(size, label.length); index++) {
    const own = label[index] as number;
    if (own >= 0 && correct[index] === 0) errors.set(own, (errors.get(own) ?? 0) + 1);
  }
  return errors;
}

/**
 * Classes that have instances first; with `errors`, those with most errors first, of equally many the one with the
 * largest share. Else, and among equals, in their own order.
 */
export function orderClasses(classes: readonly SubsetInfo[], errors: ((name: string) => number) | null): SubsetInfo[] {
  return classes.toSorted((a, b) => {
    const filled = Number(b.count > 0) - Number(a.count > 0);
    if (filled !== 0 || !errors) return filled;
    const [own, other] = [errors(a.name), errors(b.name)];
    return other - own || other / Math.max(1, b.count) - own / Math.max(1, a.count);
  });
}
