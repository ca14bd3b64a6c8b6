"""Films: decoding, faces followed from frame to frame, expressions over time.

::

    with open_film("film.mp4") as film:
        for frame in read_film(Predictor.from_run(), film, load_detector()):
            print(frame.time, frame.tracks, [reading.expression for reading in frame.prediction.readings])
"""
