/** A button that saves a view as a file. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { asApiError } from "../../state/loads";
import { Failure } from "./Loading";
import type { Option } from "./Menu";
import { MenuButton } from "./MenuButton";

/** Saves a file; rejects if that fails. */
type Save = () => void | Promise<void>;

/** Opens a menu of file types. Failures are shown below the button. */
export function SaveButton({
  label,
  failure,
  options,
}: {
  label: string;
  /** "The matrix could not be saved." */
  failure: string;
  options: () => Option<Save>[];
}): JSX.Element {
  const [failed, setFailed] = useState<{ message: string; save: Save } | null>(null);
  const run = async (save: Save): Promise<void> => {
    setFailed(null);
    try {
      await save();
    } catch (error) {
      setFailed({ message: asApiError(error).message, save });
    }
  };
  return (
    <>
      <MenuButton
        icon="download"
        label={label}
        options={() => options().map((option) => ({ ...option, value: () => void run(option.value) }))}
      />
      {failed && (
        <div class="save-failure">
          <Failure what={failure} message={failed.message} onRetry={() => void run(failed.save)} />
        </div>
      )}
    </>
  );
}
