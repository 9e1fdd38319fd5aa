from buildkit_llb.proto import ops_pb2 as _ops_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SolveRequest(_message.Message):
    __slots__ = ("ref", "definition", "exporter", "exporter_attrs", "session", "frontend", "frontend_attrs", "frontend_inputs")
    class ExporterAttrsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class FrontendAttrsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class FrontendInputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _ops_pb2.Definition
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_ops_pb2.Definition, _Mapping]] = ...) -> None: ...
    REF_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_ATTRS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FRONTEND_FIELD_NUMBER: _ClassVar[int]
    FRONTEND_ATTRS_FIELD_NUMBER: _ClassVar[int]
    FRONTEND_INPUTS_FIELD_NUMBER: _ClassVar[int]
    ref: str
    definition: _ops_pb2.Definition
    exporter: str
    exporter_attrs: _containers.ScalarMap[str, str]
    session: str
    frontend: str
    frontend_attrs: _containers.ScalarMap[str, str]
    frontend_inputs: _containers.MessageMap[str, _ops_pb2.Definition]
    def __init__(self, ref: _Optional[str] = ..., definition: _Optional[_Union[_ops_pb2.Definition, _Mapping]] = ..., exporter: _Optional[str] = ..., exporter_attrs: _Optional[_Mapping[str, str]] = ..., session: _Optional[str] = ..., frontend: _Optional[str] = ..., frontend_attrs: _Optional[_Mapping[str, str]] = ..., frontend_inputs: _Optional[_Mapping[str, _ops_pb2.Definition]] = ...) -> None: ...

class SolveResponse(_message.Message):
    __slots__ = ("exporter_response",)
    class ExporterResponseEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EXPORTER_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    exporter_response: _containers.ScalarMap[str, str]
    def __init__(self, exporter_response: _Optional[_Mapping[str, str]] = ...) -> None: ...
