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

    /// About 1.5 KB of plain prose that has nothing to do with the notes.
    static let generic = """
        A compiler reads the text of a program and writes another program that a machine can run.
        It works in steps. First it cuts the text into words, as a reader does, and throws away
        the spaces and the comments. Then it looks at how the words are put together and builds a
        tree, in which each branch is a statement or an expression. If the tree does not follow
        the rules of the language, the compiler prints an error with the number of the line and
        stops. After that it checks that each name was declared and that each value is used in a
        way that its type allows.

        When the program is correct, the compiler can make it better. It may compute a value once
        instead of many times, remove code that is never reached, or keep a variable in a register
        in place of memory. Such changes must not alter what the program does. In the last step
        the tree is turned into instructions, and the linker joins them with the libraries that
        the program needs. The result is a file that the operating system can load.

        Most users never see these steps. They install a package with a command, and the package
        manager downloads the files, checks their signatures and copies them to the right place.
        If a configuration file was changed by hand, the manager asks whether to keep it. By
        default it does. The documentation is found in a directory of its own, and the manual page
        of a command lists its options with a short description of each of them.
        """
}
