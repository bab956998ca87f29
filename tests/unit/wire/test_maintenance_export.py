"""agola.wire.maintenance_export."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.model.export import (
    ExportChoice,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    LegacyPiece,
)
from agola.wire.maintenance_export import event_from_bytes, event_to_bytes

texts = st.text(st.characters(codec="utf-8"), max_size=20)
sizes = st.integers(0, 2**63 - 1)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
events = st.one_of(
    st.builds(
        ExportHeader,
        service=texts,
        version=texts,
        create_time=moments,
        revision=texts,
        choice=st.builds(ExportChoice),
        format=st.integers(-(2**31), 2**31 - 1),
    ),
    st.builds(
        ExportRecords,
        st.lists(
            st.builds(ExportRecord, texts, texts, sizes, st.binary(), st.binary()), min_size=1
        ).map(tuple),
    ),
    st.builds(ExportTrailer, st.dictionaries(texts, sizes)),
    st.builds(LegacyPiece, st.binary()),
)


@given(events)
def test_an_event_is_the_same_on_the_other_side(event: ExportEvent) -> None:
    assert event_from_bytes(event_to_bytes(event)) == event


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x3a\x00"])
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        event_from_bytes(data)
    assert caught.value.reason == "EXPORT_INVALID"
