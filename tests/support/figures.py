"""The figures that the program has, by what declares them."""

from __future__ import annotations

from prometheus_client.metrics import MetricWrapperBase

from host.ports import figures

METRICS = [value for value in vars(figures).values() if isinstance(value, MetricWrapperBase)]
