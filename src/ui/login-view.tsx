import { Box, Text } from "ink";
import type { ReactNode } from "react";
import { spoken } from "../core/time.ts";
import { type Look, signsOf } from "./look.ts";
import type { Picker } from "./picker.ts";
import { qrLines } from "./qr.ts";
import { Toned } from "./stage.tsx";

export interface ShownCode {
  readonly userCode: string;
  readonly verificationUrl: string;
  readonly completeUrl?: string | undefined;
  readonly expiresAtMs: number;
}

/** What is in front of the person; all texts are printable. */
export interface LoginState {
  readonly title: string;
  readonly progress: string;
  readonly code: ShownCode | undefined;
  readonly question: { readonly label: string; readonly secret: boolean; readonly line: string } | undefined;
  readonly picking: { readonly title: string; readonly total: number; readonly picker: Picker } | undefined;
}

export interface Frame {
  readonly state: LoginState;
  readonly look: Look;
  readonly nowMs: number;
  /** Counts up while it is shown, for the spinner. */
  readonly beat: number;
  readonly columns: number;
  readonly rows: number;
}

/** Heading, filter, the two marks of a longer list, the line on keys, and one to spare. */
const AROUND_LIST = 6;
/** Title, code, address, countdown, progress and the blank lines between them. */
const AROUND_QR = 13;
const NARROWEST_QR = 45;

/** How many entries of a list are on the screen, below a title that may take several lines. */
export function listRoom({ title, columns, rows }: { title: string; columns: number; rows: number }): number {
  return Math.max(3, rows - AROUND_LIST - Math.ceil(title.length / columns));
}

export function LoginView(frame: Frame): ReactNode {
  const { state, look } = frame;
  return (
    <Box flexDirection="column">
      <Toned look={look} tone="bold">
        {state.title}
      </Toned>
      {state.code !== undefined && <CodeView {...frame} code={state.code} />}
      {state.picking !== undefined && <PickerView {...frame} picking={state.picking} />}
      {state.question !== undefined && <QuestionView {...frame} question={state.question} />}
      {state.picking === undefined && state.question === undefined && <ProgressView {...frame} />}
    </Box>
  );
}

function ProgressView({ state, look, beat }: Frame): ReactNode {
  const { spinner } = signsOf(look);
  if (state.progress === "") return null;
  return <Text>{`${spinner[beat % spinner.length]} ${state.progress}`}</Text>;
}

function CodeView({ code, look, nowMs, columns, rows }: Frame & { readonly code: ShownCode }): ReactNode {
  const qr =
    look.unicode && columns >= NARROWEST_QR
      ? qrLines(code.completeUrl ?? code.verificationUrl, { columns, rows: rows - AROUND_QR })
      : undefined;
  const leftMs = Math.max(0, code.expiresAtMs - nowMs);
  return (
    <Box flexDirection="column" marginTop={1} marginBottom={1}>
      <Text>On any device, open</Text>
      <Toned look={look} tone="cyan">
        {`  ${code.verificationUrl}`}
      </Toned>
      <Text>and enter this code:</Text>
      <Box borderStyle={look.unicode ? "round" : "classic"} paddingX={3} alignSelf="flex-start" marginLeft={2}>
        <Toned look={look} tone="bold">
          {code.userCode}
        </Toned>
      </Box>
      {qr !== undefined && (
        <Box flexDirection="column">
          <Text>or scan:</Text>
          <Toned look={look} tone="scan">
            {qr.join("\n")}
          </Toned>
        </Box>
      )}
      <Toned look={look} tone="dim">
        {leftMs === 0 ? "The code has expired." : `The code is valid for ${countdown(leftMs)}.`}
      </Toned>
    </Box>
  );
}

/** To the second in the last ten minutes, when somebody may be looking for their telephone. */
function countdown(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  if (seconds > 600) return spoken(leftMs);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

type Question = NonNullable<LoginState["question"]>;

function QuestionView({ question, look }: Frame & { readonly question: Question }): ReactNode {
  const { chosen, cursor } = signsOf(look);
  const typed = question.secret ? "" : question.line;
  return (
    <Box flexDirection="column" marginTop={1}>
      <Text>{question.label}</Text>
      <Text>{`${chosen} ${typed}${cursor}`}</Text>
      <Toned look={look} tone="dim">
        {question.secret ? "Not shown while you type. Enter: go on, Esc: give up" : "Enter: go on, Esc: give up"}
      </Toned>
    </Box>
  );
}

type Picking = NonNullable<LoginState["picking"]>;

function PickerView({ picking, state, look, ...size }: Frame & { readonly picking: Picking }): ReactNode {
  const { title, total, picker } = picking;
  const { chosen, cursor, above, below } = signsOf(look);
  const shown = picker.found.slice(picker.first, picker.first + listRoom({ title: state.title, ...size }));
  const after = picker.found.length - picker.first - shown.length;
  const count = picker.filter === "" ? String(total) : `${picker.found.length} of ${total}`;
  return (
    <Box flexDirection="column">
      <Text wrap="truncate-end">{`${title} (${count})`}</Text>
      <Text wrap="truncate-start">{`${chosen} ${picker.filter === "" ? `${cursor}type to filter` : `${picker.filter}${cursor}`}`}</Text>
      <Text>{picker.first > 0 ? `  ${above} ${picker.first} more` : " "}</Text>
      {shown.map(({ value, label }, index) =>
        picker.first + index === picker.chosen ? (
          <Toned key={value} look={look} tone="inverse" wrap="truncate-end">
            {`${chosen} ${label}`}
          </Toned>
        ) : (
          <Text key={value} wrap="truncate-end">{`  ${label}`}</Text>
        ),
      )}
      {shown.length === 0 && <Text>{"  nothing fits"}</Text>}
      <Text>{after > 0 ? `  ${below} ${after} more` : " "}</Text>
      <Toned look={look} tone="dim" wrap="truncate-end">
        Enter: choose, Esc: give up
      </Toned>
    </Box>
  );
}
