# ruff: noqa: PT009, PT027 (plain unittest: the example needs nothing but Python)
import unittest

from hello.greeting import GREETINGS, greet


class GreetingTest(unittest.TestCase):
    def test_it_greets_in_english_unless_asked_otherwise(self) -> None:
        self.assertEqual(greet("Ada"), "Hello, Ada!")

    def test_every_language_says_the_name_once(self) -> None:
        for language in GREETINGS:
            with self.subTest(language=language):
                self.assertEqual(greet("Grace", language).count("Grace"), 1)

    def test_spaces_around_a_name_do_not_count(self) -> None:
        self.assertEqual(greet("  Ada "), "Hello, Ada!")

    def test_nobody_cannot_be_greeted(self) -> None:
        with self.assertRaisesRegex(ValueError, "whom"):
            greet(" ")

    def test_a_language_that_nobody_speaks_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "de, en, es"):
            greet("Ada", "tlh")


if __name__ == "__main__":
    unittest.main()
