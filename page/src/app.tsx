// The page, put together.

import { useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LivePanel } from "./charts/live.tsx";
import { PathsPanel, TypesPanel } from "./components/breakdown.tsx";
import { Details } from "./components/details.tsx";
import { FilterChips } from "./components/filter.tsx";
import { Footer } from "./components/footer.tsx";
import { Header, ProblemNotice } from "./components/header.tsx";
import { HistoryPanel } from "./components/history_panel.tsx";
import { OtherLog } from "./components/other_log.tsx";
import { Shortcuts } from "./components/shortcuts.tsx";
import { TailPanel } from "./components/tail.tsx";
import { TimeMachine } from "./components/time_machine.tsx";
import { Welcome } from "./components/welcome.tsx";
import { isReplay, logIsEmpty, situation } from "./stream/store.ts";

export function App(): JSX.Element {
  useSignalEffect(() => {
    document.title = `${situation.value.spoken} · Tailrace`;
    document.documentElement.dataset["past"] = String(isReplay.value);
  });
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => measure(top.current), []);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <div class="bar-top" ref={top}>
        <Header />
        <TimeMachine />
      </div>
      <main id="main" tabIndex={-1}>
        <ProblemNotice />
        <OtherLog />
        <FilterChips />
        {logIsEmpty.value ? <Welcome /> : <Dashboard />}
      </main>
      <Footer />
      <Details />
      <Shortcuts />
    </>
  );
}

/** Tells the styles how high the top is: it may take more lines. */
function measure(top: HTMLElement | null): (() => void) | undefined {
  if (!top) return;
  const observer = new ResizeObserver(() => {
    document.documentElement.style.setProperty("--top", `${top.offsetHeight}px`);
  });
  observer.observe(top);
  return () => observer.disconnect();
}

function Dashboard(): JSX.Element {
  return (
    <div class="board">
      <LivePanel />
      <TailPanel />
      <HistoryPanel />
      <div class="pair">
        <TypesPanel />
        <PathsPanel />
      </div>
    </div>
  );
}
