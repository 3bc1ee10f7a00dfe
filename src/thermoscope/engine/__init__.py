"""From library to result: pictures, reports. Knows no file format and no paper by name."""
