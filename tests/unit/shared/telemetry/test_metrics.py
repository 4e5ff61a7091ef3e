"""Metrics are made once and shown together."""

from shared.telemetry import counter, gauge, histogram, render_metrics


def test_asking_again_gives_the_same_metric() -> None:
    first = counter("recourse_tests_things_total", "Things.", ("kind",))
    assert counter("recourse_tests_things_total", "Things.", ("kind",)) is first


def test_the_exposition_shows_what_was_counted() -> None:
    counter("recourse_tests_seen_total", "Seen.", ("kind",)).labels("a").inc(3)
    gauge("recourse_tests_level", "Level.").set(7)
    histogram("recourse_tests_wait_seconds", "Wait.").observe(0.3)
    body, content_type = render_metrics()
    assert content_type.startswith("text/plain")
    text = body.decode()
    assert 'recourse_tests_seen_total{kind="a"} 3.0' in text
    assert "recourse_tests_level 7.0" in text
    assert 'recourse_tests_wait_seconds_bucket{le="0.5"} 1.0' in text
