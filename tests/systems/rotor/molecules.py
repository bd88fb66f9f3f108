"""Measured rotational lines, and what SPFIT (Pickett 1991) finds from them."""

from __future__ import annotations

import re

import numpy as np

from eigenfit.systems.rotor import quantum_numbers

# Protonated formaldehyde, H2COH+: the example h2coh_plus for SPFIT of the Cologne database CDMS
# (H. S. P. Mueller et al., J. Mol. Struct. 742, 215 (2005)). Upper level, lower level, MHz; the
# error is 0.04 MHz.
H2COH = (
    ("2_12", "1_11", 121864.526),
    ("2_11", "2_02", 173697.518),
    ("5_05", "4_14", 173766.950),
    ("3_12", "3_03", 181867.359),
    ("3_13", "2_12", 182719.152),
    ("9_18", "8_27", 183893.055),
    ("3_03", "2_02", 190079.131),
    ("3_22", "2_21", 190548.754),
    ("3_21", "2_20", 191032.797),
    ("3_12", "2_11", 198248.992),
    ("5_14", "5_05", 207964.754),
    ("6_15", "6_06", 226632.581),
    ("4_14", "3_13", 243482.928),
    ("6_06", "5_15", 246558.299),
    ("7_16", "7_07", 249606.743),
    ("4_04", "3_03", 252870.339),
    ("4_23", "3_22", 253964.667),
    ("4_22", "3_21", 255171.886),
    ("4_13", "3_12", 264179.004),
    ("8_17", "8_08", 277299.765),
    ("2_12", "1_01", 285087.849),
    ("5_05", "4_04", 315184.003),
    ("5_14", "4_13", 329972.820),
    ("3_13", "2_02", 340883.552),
    ("10_19", "10_0_10", 348102.330),
    ("11_1_10", "10_29", 357163.502),
    ("6_16", "5_15", 364637.225),
    ("6_06", "5_05", 376921.391),
    ("6_25", "5_24", 380517.249),
    ("6_34", "5_33", 381641.233),
    ("6_33", "5_32", 381740.099),
    ("6_24", "5_23", 384683.256),
)
H2COH_ERROR = 0.04

# The constants in MHz as SPFIT prints them, with the errors of their last digits. Those of the S
# reduction in I^r are the published ones of the example; the others are what SPFIT finds from the
# same lines with the letter `a` and the constants of the A reduction, and with an oblate basis.
# SPFIT prints the negative DJ, DJK, DK (DeltaJ, DeltaJK, DeltaK, deltaJ, deltaK).
H2COH_CONSTANTS = {
    ("S", "I^r"): {
        "A": "197581.5594(210)",
        "B": "34350.54740(250)",
        "C": "29172.65425(279)",
        "DJ": "0.055341(39)",
        "DJK": "0.629198(276)",
        "DK": "6.4644(87)",
        "d1": "-0.0095310(75)",
        "d2": "-0.0019330(196)",
    },
    ("A", "I^r"): {
        "A": "197581.5401(210)",
        "B": "34351.5469(92)",
        "C": "29171.6702(117)",
        "DeltaJ": "0.0592111(263)",
        "DeltaJK": "0.605926(279)",
        "DeltaK": "6.4843(88)",
        "deltaJ": "0.0095308(75)",
        "deltaK": "0.4959(50)",
    },
    ("A", "III^l"): {
        "A": "197581.3699(209)",
        "B": "34357.2702(89)",
        "C": "29166.1230(92)",
        "DeltaJ": "3.6375(44)",
        "DeltaJK": "-10.1336(133)",
        "DeltaK": "6.5366(89)",
        "deltaJ": "-1.77937(219)",
        "deltaK": "3.3547(45)",
    },
    ("S", "III^l"): {
        "A": "197584.9278(244)",
        "B": "34347.4064(54)",
        "C": "29174.0097(35)",
        "DJ": "2.06098(226)",
        "DJK": "-0.67021(64)",
        "DK": "-1.35030(179)",
        "d1": "1.78009(219)",
        "d2": "-0.78899(107)",
    },
}

# The same for H2S from the 28 lines of docs/examples/h2s.py, to the sixth power.
H2S_CONSTANTS = {
    ("S", "I^r"): {
        "A": "310583.5412(296)",
        "B": "270367.778(42)",
        "C": "141820.0079(274)",
        "DJ": "20.8682(43)",
        "DJK": "-76.2511(128)",
        "DK": "117.7287(109)",
        "d1": "-8.87178(169)",
        "d2": "0.64301(68)",
        "HJ": "0.010367(156)",
        "HJK": "-0.09005(72)",
        "HKJ": "0.15381(101)",
        "HK": "-0.03322(51)",
        "h1": "0.003073(64)",
        "h2": "-0.001027(36)",
        "h3": "0.0012202(90)",
    },
    ("A", "I^r"): {
        "A": "310590.0150(291)",
        "B": "270357.200(39)",
        "C": "141825.4447(283)",
        "DeltaJ": "19.5784(40)",
        "DeltaJK": "-68.3717(118)",
        "DeltaK": "111.0320(104)",
        "deltaJ": "8.86667(162)",
        "deltaK": "-3.9819(48)",
        "PhiJ": "0.008333(144)",
        "PhiJK": "-0.04577(62)",
        "PhiKJ": "0.03688(91)",
        "PhiK": "0.04146(51)",
        "phiJ": "0.004292(66)",
        "phiJK": "-0.014800(253)",
        "phiK": "0.03627(34)",
    },
}

# HCP, the example hcp000: J of the upper level, MHz, error.
HCP = (
    (1, 39951.91, 0.03),
    (2, 79903.31, 0.03),
    (3, 119853.67, 0.03),
    (4, 159802.56, 0.03),
    (5, 199749.42, 0.03),
    (6, 239693.82, 0.10),
    (7, 279634.66, 0.30),
    (8, 319573.03, 0.50),
    (9, 359506.348, 0.03),
    (10, 399435.460, 0.03),
    (11, 439359.527, 0.03),
    (13, 519190.413, 0.010),
    (15, 598994.999, 0.010),
    (17, 678769.152, 0.50),
    (18, 718643.655, 0.010),
    (19, 758508.997, 0.010),
    (20, 798364.721, 0.010),
    (22, 878045.614, 0.50),
    (25, 997482.745, 1.50),
    (26, 1037268.38, 0.50),
    (32, 1275700.16, 0.50),
    (41, 1632223.91, 0.50),
)
HCP_CONSTANTS = {"B": "19975.99422(59)", "DJ": "0.02110383(132)", "HJ": "0.00000001467(105)"}


def printed(text: str) -> tuple[float, float, float]:
    """Value, error and half of the last printed digit, of a number such as 0.055341(39)."""
    found = re.fullmatch(r"(-?\d+\.(\d+))\((\d+)\)", text)
    assert found is not None
    digit = 10.0 ** -len(found[2])
    return float(found[1]), int(found[3]) * digit, 0.5 * digit


def check_constants(fit, expected: dict[str, str]) -> None:
    """Constants and their errors are those that SPFIT prints, to the last digit of each."""
    values = {name: value.numpy()[0] for name, value in fit.by_name().items()}
    errors = {name: value.numpy()[0] for name, value in fit.by_name("standard_errors").items()}
    assert values.keys() == expected.keys()
    for name, text in expected.items():
        value, error, half = printed(text)
        # SPFIT converges to a thousandth of an error, as eigenfit does.
        assert abs(values[name] - value) < 1.01 * half + 2e-3 * error, name
        assert abs(errors[name] - error) < 1.01 * half + 2e-3 * error, name


def lin_text(lines, error: float) -> str:
    """Lines (upper, lower, MHz) of an asymmetric top as a `.lin` file."""
    rows = []
    for upper, lower, frequency in lines:
        numbers = [
            *quantum_numbers(upper, "asymmetric"),
            *quantum_numbers(lower, "asymmetric"),
        ]
        rows.append(
            "".join(f"{n:3d}" for n in numbers).ljust(36) + f"{frequency:14.3f} {error:8.3f}"
        )
    return "\n".join(rows) + "\n"


def rounded(expected: dict[str, str]) -> dict[str, float]:
    """Starting values: the constants to three figures."""
    return {
        name: float(np.format_float_positional(printed(text)[0], 3, fractional=False))
        for name, text in expected.items()
    }
