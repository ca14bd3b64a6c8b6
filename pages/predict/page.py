"""What does this face express?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import streamlit as st

from emotion_core.apart import start_early
from emotion_core.errors import EmotionCoreError
from emotion_core.texts import shorten
from pages.predict.films import show_film
from pages.predict.live import live_chosen, show_live
from pages.predict.photos import Upload, choose_photos
from pages.predict.runs import runs_with_weights, show_collapsed
from pages.shared.runs import show_no_runs
from pages.shared.sentence import sentence
from pages.shared.words import count

CARDS = 8  # faces a page

st.title("What does this face express?")
runs = runs_with_weights()
if not runs:
    show_no_runs()
    st.stop()
uploads = choose_photos()
if st.session_state.get("source") == "Film":
    show_film(runs)
    st.stop()
if live_chosen():
    show_live(runs)
    st.stop()

# A process that decodes photos starts meanwhile.
start_early()
# These load the networks' library. The first screen stands by now, and the library is there when the first photo is.
with st.spinner("Getting ready …"):
    from emotion_core.predict import MAX_FACES, Photo, Prediction, Predictor
    from pages.predict.controls import PredictChoice, ask_controls
    from pages.predict.downloads import offer_downloads
    from pages.predict.face_card import face_card
    from pages.predict.overview import ask_opened, open_face, open_photo, show_overview
    from pages.predict.reading import read_photos, under_prior
    from pages.shared.networks import load_predictors


def show_unreadable(photos: Sequence[Photo]) -> None:
    """Which files could not be read, and why. Names are untrusted: ``st.text`` shows them letter by letter."""
    bad = [photo for photo in photos if photo.error is not None]
    if bad:
        st.warning(f"{count(len(bad), 'file', 'files')} could not be read.", icon=":material/broken_image:")
        with st.container(border=True, height=320 if len(bad) > 6 else "content", key="unreadable"):
            for photo in bad:
                name, reason = st.columns([1, 3])
                name.text(shorten(photo.name, 40))
                reason.text(photo.error)


def show_faceless(photos: Sequence[Photo]) -> None:
    """Which photos show no face, and what can be done."""
    empty = [photo for photo in photos if photo.error is None and not photo.faces]
    if not empty:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(empty) == 1:
            st.text(f"No face was found in {shorten(empty[0].name)}.")
        else:
            names = ", ".join(shorten(photo.name, 30) for photo in empty[:5])
            more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
            st.text(f"No face was found in {count(len(empty), 'photo', 'photos')}: {names}{more}.")
        st.button("Take the whole picture as one face", on_click=take_whole, key="take-whole")


def take_whole() -> None:
    """What the toggle in the row of controls does."""
    st.session_state["whole"] = True


def show_faces(
    uploads: Sequence[Upload],
    results: Mapping[str, Sequence[Prediction]],
    predictors: Mapping[str, Predictor],
    controls: PredictChoice,
) -> None:
    """One photo with its boxes and the card of one face; several as an overview and some cards a page."""
    by_photo = list(zip(*results.values(), strict=True))
    faces = [(i, number) for i, found in enumerate(by_photo) for number in range(len(found[0].photo.faces))]
    if not faces:
        return
    if len(uploads) > 1 or len(faces) > 1:
        readable = sum(found[0].photo.error is None for found in by_photo)
        st.markdown(f"{count(len(faces), 'face', 'faces')} in {count(readable, 'photo', 'photos')}")
    show_left_out([found[0].photo for found in by_photo])
    offer_downloads(uploads, results)
    # Other photos begin on their first page again.
    which = hashlib.sha256("".join(upload.digest for upload in uploads).encode()).hexdigest()[:12]
    if len(uploads) == 1:
        shown = [(0, open_face(by_photo[0][0], key=f"photo-{which}"))]
    else:
        show_overview([found[0] for found in by_photo])
        opened = ask_opened(len(uploads))
        if opened is not None and by_photo[opened][0].photo.faces:
            st.button("All cards", icon=":material/arrow_back:", on_click=open_photo, args=(None,), key="all-cards")
            chosen = open_face(by_photo[opened][0], key=f"photo-{which}-{opened}")
            face_card(uploads[opened].digest, chosen, by_photo[opened], predictors, controls, key=f"{opened}-{chosen}")
            return
        pages = -(-len(faces) // CARDS)
        if st.session_state.setdefault("page-of", which) != which:
            st.session_state["page"], st.session_state["page-of"] = 1, which
        page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
        shown = faces[(page - 1) * CARDS : page * CARDS]
    for i, number in shown:
        face_card(uploads[i].digest, number, by_photo[i], predictors, controls, key=f"{i}-{number}")


def show_left_out(photos: Sequence[Photo]) -> None:
    """How many faces were found but not read."""
    left_out = sum(photo.left_out for photo in photos)
    if left_out:
        st.info(f"The largest {MAX_FACES} faces of a photo are read; {count(left_out, 'smaller face', 'smaller faces')} not.")


def main() -> None:
    """Ask, call, show."""
    if not uploads:
        load_predictors(list(runs.values())[:1])
        return
    controls = ask_controls(runs)
    if not controls.runs:
        st.info("Choose at least one run above.")
        return
    show_collapsed(controls.runs)
    predictors = load_predictors(controls.runs)
    if not predictors:
        return
    try:
        results = under_prior(
            read_photos(uploads, predictors, whole=controls.whole, mirror=controls.mirror), predictors, controls.prior
        )
    except EmotionCoreError as error:
        st.error(sentence(error))
        return
    photos = [prediction.photo for prediction in next(iter(results.values()))]
    show_unreadable(photos)
    show_faceless(photos)
    show_faces(uploads, results, predictors, controls)


main()
