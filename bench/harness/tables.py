"""The markdown tables: one for each kind of case."""

import statistics

from .cases import CASES, INFLIGHT_BASE
from .clients import CLIENTS
from .kinds import KINDS


def median_of(records, key):
    values = [record[key] for record in records if record.get(key) is not None]
    return statistics.median(values) if values else None


def ratio_to(yardstick, all_records, client, key):
    """The median of the ratios of each round: both clients ran within it."""
    other = {record["round"]: record for record in all_records.get(yardstick, [])
             if record.get(key)}
    ratios = [record[key] / other[record["round"]][key]
              for record in all_records.get(client, [])
              if record["round"] in other and record.get(key) is not None]
    return statistics.median(ratios) if ratios else None


def shown(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


def span(records, key, form):
    values = [record[key] for record in records if record.get(key) is not None]
    if not values:
        return "-"
    return f"{form.format(min(values))} - {form.format(max(values))}"


class Column:
    """One quantity: its median, with the spread or the ratio to book."""

    def __init__(self, title, key, form="{:.2f}", spread=False, book=False, divide=1):
        self.titles = [title] + ["min - max"] * spread + ["/ book"] * book
        self.key, self.form, self.spread, self.book = key, form, spread, book
        self.divide = divide

    def cells(self, records, client):
        own = records[client]
        value = median_of(own, self.key)
        cells = [shown(None if value is None else value / self.divide, self.form)]
        if self.spread:
            cells.append(span(own, self.key, self.form))
        if self.book:
            cells.append(shown(ratio_to("book", records, client, self.key)))
        return cells


RSS = Column("peak RSS MB", "max_rss_kb", "{:.1f}", divide=1024)
KB_EACH = Column(f"KB each beyond {INFLIGHT_BASE:,}", "kb_each", "{:.1f}")
CPU_S = Column("CPU s", "cpu_s", "{:.2f}", spread=True, book=True)
PEAK = Column("in flight at the server", "peak", "{:,.0f}")
OPENED = Column("connections", "connections", "{:,.0f}")

COLUMNS = {
    "loop": (Column("requests/s", "rate", "{:,.0f}", True, True),
             Column("CPU us/request", "cpu_us_per_request", "{:.1f}", True, True),
             RSS, Column("p50 ms", "p50_ms"), Column("p99 ms", "p99_ms")),
    "fresh": (Column("connections/s", "rate", "{:,.0f}", True, True),
              Column("CPU us/connection", "cpu_us_per_request", "{:.0f}", True, True),
              Column("longest turn ms", "longest_ms", "{:.1f}", True)),
    "body": (Column("MB/s", "mb_per_s", "{:,.0f}", True, True), CPU_S, RSS),
    "inflight": (Column("s beyond the delay", "beyond_s", "{:.2f}", True, True), CPU_S, RSS,
                 KB_EACH, PEAK),
    "cold": (Column("s", "seconds", "{:.2f}", True, True), CPU_S, RSS, OPENED, PEAK),
    "held": (Column("s", "seconds", "{:.2f}", True, True), CPU_S, RSS, KB_EACH, OPENED, PEAK),
    "idle": (Column("seconds watched", "seconds", "{:.0f}"),
             Column("wake-ups", "wakeups", "{:.0f}", True),
             Column("system calls", "syscalls", "{:.0f}", True),
             Column("CPU ms", "cpu_ms", "{:.0f}")),
}


def cells_plain(text):
    return [str(cell).replace("|", "/").replace("\n", " ") for cell in text]


def table_of(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        row = list(row) + [""] * (len(columns) - len(row))
        lines.append("| " + " | ".join(cells_plain(row)) + " |")
    return "\n".join(lines) + "\n"


def trouble(records):
    """What to print instead of numbers, or None."""
    for record in records:
        if "impossible" in record:
            return record["impossible"]
    reasons = [record["failed"] for record in records if "failed" in record]
    return f"FAILED in round {len(records)}: {reasons[0]}" if reasons else None


def table_usual(kind, results):
    columns = COLUMNS[kind]
    titles = ["case", "client"] + [title for column in columns for title in column.titles]
    rows = []
    for name, records in results.items():
        for client in records:
            reason = trouble(records[client])
            cells = [reason] if reason else [
                cell for column in columns for cell in column.cells(records, client)]
            rows.append([name, client] + cells)
    return table_of(titles, rows)


def table_parked(results):
    rows = []
    for name, records in results.items():
        for client, own in records.items():
            if trouble(own):
                rows.append([name, client, trouble(own)])
                continue
            for title, key in (("wake one that waits at a queue", "wake_us"),
                               ("cancel one that waits at a queue", "cancel_queued_us"),
                               ("cancel one that sleeps", "cancel_sleeping_us")):
                few, many = median_of([one["few"] for one in own], key), median_of(own, key)
                rows.append([name, client, title, shown(few), shown(many), shown(many / few)])
    return table_of(["case", "client", "what", "us among 1,000", "us among 100,000", "ratio"],
                    rows)


def tenths(samples):
    """CPU of each part beyond the first 10,000 requests, and memory there."""
    parts = []
    for before, after in zip(samples, samples[1:]):
        count = after["requests"] - before["requests"]
        parts.append({"requests": after["requests"], "rss_kb": after["rss_kb"],
                      "cpu_us": (after["cpu_us"] - before["cpu_us"]) / count})
    return parts


def table_million(results):
    rows = []
    for name, records in results.items():
        for client, own in records.items():
            if trouble(own):
                rows.append([name, client, trouble(own)])
                continue
            samples = own[0]["samples"]
            parts = tenths(samples)
            first, last = parts[0], parts[-1]
            rows.append([
                name, client, f"{samples[0]['rss_kb'] / 1024:.1f}",
                f"{first['rss_kb'] / 1024:.1f}", f"{last['rss_kb'] / 1024:.1f}",
                f"{first['cpu_us']:.2f}", f"{last['cpu_us']:.2f}",
                f"{last['cpu_us'] / first['cpu_us']:.2f}"])
    return table_of(["case", "client", "RSS MB after 10,000", "after the first tenth",
                     "after the last", "CPU us/request in the first tenth", "in the last",
                     "ratio"], rows)


def table_kinds(results):
    """A row for each kind; what failed is said below."""
    names = [name for name in CLIENTS if any(name in records for records in results.values())]
    rows, reasons = [], []
    for name, records in results.items():
        row = [KINDS[CASES[name]["request"]].about]
        for client in names:
            reason = trouble(records.get(client, []))
            if reason:
                reasons.append(f"- {name}, {client}: {reason}\n")
            row.append(shown(None if reason else median_of(records.get(client, []),
                                                           "cpu_us_per_request"), "{:.1f}"))
        for yardstick, key in KIND_RATIOS:
            row.append(shown(ratio_to(yardstick, records, "multisock", key)))
        rows.append(row)
    return table_of(["kind of request: CPU us", *names, "multisock / book", "/ best", "/ lcurl",
                     "rate / book"], rows) + "".join(["\n", *reasons] if reasons else [])


KIND_RATIOS = (("book", "cpu_us_per_request"), ("best", "cpu_us_per_request"),
               ("lcurl", "cpu_us_per_request"), ("book", "rate"))


def tables(all_results):
    """All tables as one text."""
    kinds = {}
    for name, records in all_results.items():
        if records:
            kinds.setdefault(CASES[name]["kind"], {})[name] = records
    special = {"parked": table_parked, "million": table_million, "kinds": table_kinds}
    return "\n".join(special[kind](results) if kind in special else table_usual(kind, results)
                     for kind, results in kinds.items())
