"""What a session keeps of widgets that no page shows any more."""

from streamlit.testing.v1 import AppTest

from pages.shared.stale import session_state


def page() -> None:
    """A button under a new name for every measurement, as pages have them."""
    import streamlit as st

    from pages.shared.stale import forget_stale_widgets

    def pressed(number: int) -> None:
        st.session_state.pressed = number

    forget_stale_widgets()
    number = st.session_state.get("number", 0)
    st.button("Cancel", key=f"cancel-{number}", on_click=pressed, args=(number,))


def known(test: AppTest) -> list[str]:
    """Names of the widgets that the session knows of."""
    metadata = session_state(test._session_state)._new_widget_state.widget_metadata
    return [name.rsplit("-", 1)[-1] for name in metadata]


def test_a_session_knows_the_widgets_of_its_last_two_pages() -> None:
    """It would know all forty, with what their callbacks refer to."""
    test = AppTest.from_function(page).run()
    for number in range(40):
        test.session_state.number = number
        test.run()
    assert known(test) == ["38", "39"]


def test_what_is_shown_can_still_be_pressed() -> None:
    """After its page was drawn again."""
    test = AppTest.from_function(page).run()
    test.session_state.number = 7
    test.run().run()
    test.button(key="cancel-7").click().run()
    assert test.session_state.pressed == 7
