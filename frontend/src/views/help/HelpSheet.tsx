/** The help sheet: keys, what the marks mean, questions to start with, all terms. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { classColour } from "../../draw/classes";
import { mapColour } from "../../draw/colormap";
import { runs } from "../../state/currentSnapshot";
import { help, type TermName } from "../../state/help";
import { Icon, IconButton } from "../controls/Icon";
import { Docs, termPage } from "./Docs";
import { GLOSSARY } from "./glossary";
import "../../lib/laterStyles";
import { KEYS, WAYS } from "./keys";

/** At the right edge; what it explains stays in view. */
export function HelpSheet(): JSX.Element {
  const [typed, setTyped] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const sheet = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    field.current?.focus();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const term = help.value?.term ?? null;
  useEffect(() => {
    if (term) sheet.current?.querySelector(`[data-entry="${term}"]`)?.scrollIntoView({ block: "center" });
  }, [term]);
  const words = typed.trim().toLowerCase();
  const fits = (...texts: (string | undefined)[]): boolean => texts.some((text) => text?.toLowerCase().includes(words));
  const terms = (Object.keys(GLOSSARY) as TermName[]).filter((name) => {
    const { title, short, more } = GLOSSARY[name];
    return fits(title, short, more);
  });
  return (
    <aside
      ref={sheet}
      class="help"
      aria-label="Help"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        help.value = null;
      }}
    >
      <header class="help-header">
        <h2>Help</h2>
        {runs.value?.docs && <Docs page="index.html">Documentation</Docs>}
        <span class="spring" />
        <label class="help-search">
          <Icon name="search" size={14} />
          <input
            ref={field}
            type="text"
            placeholder="A term or a key"
            aria-label="Search the help"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <IconButton icon="close" label="Close the help" onClick={() => (help.value = null)} />
      </header>
      <div class="help-body" tabIndex={0} role="group" aria-label="Keys, marks and terms">
        <div class="help-keys">
          {KEYS.map(({ title, page, keys: all }) => {
            const keys = all.filter((key) => fits(key.does, ...key.keys));
            return (
              keys.length > 0 && (
                <section key={title}>
                  <h3>
                    <Docs page={page}>{title}</Docs>
                  </h3>
                  <dl>
                    {keys.map(({ keys: names, does }) => (
                      <div key={does}>
                        <dt>
                          {names.map((name) => (
                            <kbd key={name}>{name}</kbd>
                          ))}
                        </dt>
                        <dd>{does}</dd>
                      </div>
                    ))}
                  </dl>
                </section>
              )
            );
          })}
        </div>
        {words === "" && (
          <div>
            <Marks />
            <Ways />
          </div>
        )}
        <section class="help-terms">
          <h3>
            <Docs page="terms.html">Terms</Docs>
          </h3>
          {terms.map((name) => {
            const { title, short, more } = GLOSSARY[name];
            return (
              <p key={name} data-entry={name} class={name === term ? "here" : ""}>
                <b>
                  <Docs page={termPage(title)}>{title}</Docs>
                </b>
                : {short} {more && <span class="second">{more}</span>}
              </p>
            );
          })}
          {terms.length === 0 && <p class="second">No term matches “{typed.trim()}”.</p>}
        </section>
      </div>
    </aside>
  );
}

function Marks(): JSX.Element {
  return (
    <section class="help-marks">
      <h3>What the marks mean</h3>
      <dl>
        <Mark sign={<i class="help-cell" style={{ background: mapColour(0.8) }} />}>
          more active than the other rows
        </Mark>
        <Mark sign={<i class="help-cell" style={{ background: mapColour(-0.6) }} />}>less active</Mark>
        <Mark sign={<i class="help-cell help-row" />}>the row you point at</Mark>
        <Mark sign={<span class="accent">▾</span>}>the neuron you point at</Mark>
        <Mark sign={<i class="help-ring" />}>an instance that is a row</Mark>
        <Mark sign={<b>×</b>}>a wrong prediction, in a projection coloured by correctness</Mark>
        <Mark sign={<b class="accent">A B</b>}>the two rows that are compared</Mark>
        <Mark sign={<i class="swatch" style={{ background: classColour(0) }} />}>a class</Mark>
        <Mark sign={<i class="swatch round" style={{ background: classColour(3) }} />}>a subset of your own</Mark>
      </dl>
    </section>
  );
}

function Mark({ sign, children }: { sign: ComponentChildren; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt aria-hidden="true">{sign}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Ways(): JSX.Element {
  return (
    <section class="help-ways">
      <h3>Three questions to start with</h3>
      {WAYS.map(({ question, page, answer }) => (
        <p key={question}>
          <b>
            <Docs page={page}>{question}</Docs>
          </b>
          <br />
          <span class="second">{answer}</span>
        </p>
      ))}
    </section>
  );
}
