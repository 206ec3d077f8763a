"""The parts of bench/run, bench/counts, bench/chart and script/check-cost."""
