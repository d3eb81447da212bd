// ONNX Runtime asks the environment of the process, not a thread's copy of it, when its first session is made: threads and
// processes that load it later are covered by whoever starts them.
process.env['ORT_DISABLE_TELEMETRY'] = '1';
