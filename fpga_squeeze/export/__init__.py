"""Model files out: quantised (QDQ) ONNX and float ONNX."""
