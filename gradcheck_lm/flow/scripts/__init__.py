"""An unchanged script under the recorder."""
