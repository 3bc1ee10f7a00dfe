# ruff: noqa: ANN001, ANN201, ANN202, ANN204, F821
"""Trigger for a Raspberry Pi Pico in MicroPython: 30 pulses a second, start and stop markers.

Copy it to the board as main.py. GP15 gives the pulses (3.3 V: shift to the level of your cameras),
a button from GP14 to ground sends the marker, the LED shows that pulses run.

The rising edges never leave their 30 Hz grid, so the cameras do not notice a marker: it is written
in the width of 13 pulses, Barker's code, 4 ms for a one and 1 ms for a zero, as all other pulses
have. A host that stamps both edges finds it by correlation. It is sent once at power-on.
MicroPython: no annotations, and the words of `pulse` belong to its assembler.
"""

import time

RATE_HZ = 30
CLOCK_HZ = 1_000_000  # of the state machine: one tick is a microsecond
OVERHEAD_TICKS = 8  # what the program below spends besides its two waits
SHORT_US, LONG_US = 1_000, 4_000
START = (1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1)
STOP = START[::-1]
PULSE_PIN, BUTTON_PIN = 15, 14
DEBOUNCE_MS = 200


def pulses(marker):
    """(high, low) in ticks of each pulse, for ever; `marker` gives bits to send, or an empty tuple.

    Their sum keeps the mean period exact: 33333, 33333, 33334 us and so on.
    """
    bits, spent, count = [], 0, 0
    while True:
        if not bits:
            bits = list(marker())
        high = LONG_US if bits and bits.pop(0) else SHORT_US
        count += 1
        end = CLOCK_HZ * count // RATE_HZ
        yield high, end - spent - high - OVERHEAD_TICKS
        spent = end
        if count == RATE_HZ:
            spent, count = 0, 0


class Button:
    """Start and stop markers by turns; the first one at power-on."""

    def __init__(self, pin, now_ms):
        self._pin, self._now_ms = pin, now_ms
        self._next, self._due, self._pressed_ms = START, True, 0

    def marker(self):
        """The bits to send now: of the press since the last call, if there was one."""
        now = self._now_ms()
        if self._pin.value() == 0 and now - self._pressed_ms > DEBOUNCE_MS:
            self._due = True
        if self._pin.value() == 0:
            self._pressed_ms = now
        if not self._due:
            return ()
        bits, self._due = self._next, False
        self._next = STOP if self._next == START else START
        return bits


def main():
    """Run on the board."""
    import rp2
    from machine import Pin

    @rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
    def pulse():
        pull()
        mov(x, osr)
        pull()
        mov(y, osr)
        set(pins, 1)
        label("high")
        jmp(x_dec, "high")
        set(pins, 0)
        label("low")
        jmp(y_dec, "low")

    Pin("LED", Pin.OUT).on()
    machine = rp2.StateMachine(0, pulse, freq=CLOCK_HZ, set_base=Pin(PULSE_PIN))
    machine.active(1)
    button = Button(Pin(BUTTON_PIN, Pin.IN, Pin.PULL_UP), time.ticks_ms)
    for high, low in pulses(button.marker):
        machine.put(high)  # waits while four words are queued: the pulses never starve
        machine.put(low)


if __name__ == "__main__":
    main()
