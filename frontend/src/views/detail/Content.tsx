/** What an instance is, in the drawer: picture, sound, text or numbers. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { contentUrl, snapshot, textOf } from "../../state/data";
import { columnFields, fieldsOf } from "../controls/InstanceLine";
import { InstanceText } from "../controls/InstanceText";
import { Unread } from "../controls/Loading";
import { Sound } from "../controls/Sound";
import { Thumbnail } from "../controls/Swatch";

export function Content({ index }: { index: number }): JSX.Element {
  const kind = snapshot.value.value?.content ?? null;
  if (kind === null) return <Columns index={index} />;
  if (kind === "audio") return <Sound index={index} />;
  if (kind === "image")
    return contentUrl(index) ? (
      <Thumbnail index={index} size={112} />
    ) : (
      <p class="detail-words">There is no picture.</p>
    );
  return <Words index={index} numbers={kind === "numbers"} />;
}

/** The user's columns, for instances without visible content. */
function Columns({ index }: { index: number }): JSX.Element {
  const fields = columnFields(index);
  return fields.length > 0 ? <Fields fields={fields} /> : <p class="detail-words">No content was recorded.</p>;
}

function Words({ index, numbers }: { index: number; numbers: boolean }): JSX.Element {
  const [text] = useState(() => textOf(() => index));
  const { value } = text.value;
  if (value === null) return <Unread load={text.value} />;
  if (value === "") return <p class="detail-words">The text is empty.</p>;
  const fields = numbers ? fieldsOf(value) : null;
  if (!fields)
    return (
      <p class="detail-text" dir="auto" tabIndex={0}>
        <InstanceText text={value} />
      </p>
    );
  return <Fields fields={fields} />;
}

function Fields({ fields }: { fields: [string, string][] }): JSX.Element {
  return (
    <dl class="detail-fields" tabIndex={0}>
      {fields.map(([name, number]) => (
        <>
          <dt class="cut" title={name}>
            {name}
          </dt>
          <dd class="number">{number}</dd>
        </>
      ))}
    </dl>
  );
}
