import type { Control } from '@gantry/core';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import type { Api } from './api.ts';

/** Something a user may do to a run, and what is asked before. */
export interface Question {
  readonly control: Control;
  readonly title: string;
  readonly text: string;
}

export type Ask = (question: Question) => void;

/** Asks once, does it, and shows what came of it. */
export function useSteering(api: Api): { ask: Ask; dialog: ReactNode } {
  const [question, setQuestion] = useState<Question>();
  const dialog = question && <Confirmation question={question} api={api} close={() => setQuestion(undefined)} />;
  return { ask: setQuestion, dialog };
}

function Confirmation({ question, api, close }: { question: Question; api: Api; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const closer = useRef<HTMLButtonElement>(null);
  const [result, setResult] = useState<{ ok: boolean; message: string }>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  // The button that had the focus is gone then.
  useEffect(() => closer.current?.focus(), [result]);

  async function confirm(): Promise<void> {
    setBusy(true);
    setResult(await api.control(question.control));
    setBusy(false);
  }

  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <h2 id="question">{question.title}</h2>
      <p>{question.text}</p>
      <p role="status" className={result && !result.ok ? 'bad' : 'good'}>
        {busy ? 'One moment …' : (result?.message ?? '')}
      </p>
      <div className="actions">
        {result ? (
          <button ref={closer} type="button" className="primary" onClick={() => dialog.current?.close()}>
            Close
          </button>
        ) : (
          <>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="button" className="primary" disabled={busy} onClick={() => void confirm()}>
              {question.title}
            </button>
          </>
        )}
      </div>
    </dialog>
  );
}
