/// What a user of these tests writes: a text with words and turns of its own, and no file to read.
enum UserText {
    /// About 2 KB to learn from.
    static let notes = """
        Field notes of the quorvath survey, week nine. The quorvath hums at dusk, and its hum is
        lower when the tarn is full. Measured at station Ilmeren: hum 41 hertz, tarn 3.2 metres,
        wind from the Ossa ridge. The quorvath answers a struck bell within four heartbeats; it
        does not answer a voice. Dagny holds that the answering organ is the velar comb, and not,
        as the Ilmeren school has it, the lesser gill.

        Station Ilmeren, second day. The quorvath hums at dusk, and again before rain. Hum 43
        hertz, tarn 3.4 metres, wind from the Ossa ridge. A struck bell was answered within three
        heartbeats. The velar comb of the specimen was dry, and the hum was higher for it: Dagny's
        rule holds. We moved the bell to the far shore, where the lesser gill cannot be reached by
        its sound, and the quorvath answered all the same.

        Station Ossa, third day. No tarn here; the quorvath does not hum at dusk. A struck bell
        was not answered within forty heartbeats. Without a tarn there is no hum, and without a
        hum there is no answer: this is the second of Dagny's rules. The Ilmeren school would have
        it that the lesser gill falls silent at height. We carried a specimen with a wet velar comb
        up to station Ossa, and it hummed at 40 hertz in a bucket.

        Station Ilmeren, fourth day. Hum 42 hertz, tarn 3.3 metres, wind from the Ossa ridge. The
        quorvath hums at dusk. A struck bell was answered within four heartbeats. The velar comb
        was wet. We think the matter of the lesser gill is settled.

        """

    /// About 600 bytes of the same kind, never learned.
    static let laterNotes = """
        Station Ilmeren, fifth day. The quorvath hums at dusk. Hum 44 hertz, tarn 3.5 metres, wind
        from the Ossa ridge. A struck bell was answered within three heartbeats. The velar comb of
        the specimen was wet, and Dagny's rule holds. The Ilmeren school has written to say that
        the lesser gill was not examined at station Ossa. It was: without a tarn there is no hum,
        and a quorvath in a bucket answers a struck bell with its velar comb, at height as at the
        tarn.
        """
}
