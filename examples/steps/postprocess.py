"""Cuts the caption to one line. Used by image-processing.yaml; runs where the Python sandbox is available."""


def main(input: str) -> dict:
    lines = [line.strip() for line in str(input).splitlines() if line.strip()]
    return {"caption": lines[0] if lines else ""}
