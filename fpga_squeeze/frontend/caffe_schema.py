"""The part of Caffe's protocol buffers that describes a network and its weights, as descriptors made at run time.

Names, numbers and defaults are those of ``caffe.proto`` (github.com/BVLC/caffe, src/caffe/proto); what is not in the
table is skipped when a file is read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "fpga_squeeze.caffe"

ENUMS = {
    "NetStateRule": {"Phase": "TRAIN TEST"},
    "PoolingParameter": {"PoolMethod": "MAX AVE STOCHASTIC", "RoundMode": "CEIL FLOOR"},
    "EltwiseParameter": {"EltwiseOp": "PROD SUM MAX"},
    "V1LayerParameter": {
        "LayerType": "NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN HDF5_DATA HDF5_OUTPUT "
        "IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS POOLING RELU SIGMOID SOFTMAX "
        "SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS MEMORY_DATA ARGMAX "
        "THRESHOLD DUMMY_DATA SLICE MVN ABSVAL SILENCE CONTRASTIVE_LOSS EXP DECONVOLUTION"
    },
}
"""Enumerations inside their message; the names are numbered from 0."""

MESSAGES = {
    "BlobShape": "dim**:int64=1",
    "BlobProto": "num:int32=1 channels:int32=2 height:int32=3 width:int32=4 data**:float=5 shape:BlobShape=7 "
    "double_data**:double=8",
    "NetParameter": "name:string=1 layers*:V1LayerParameter=2 input*:string=3 input_dim*:int32=4 "
    "input_shape*:BlobShape=8 layer*:LayerParameter=100",
    "NetStateRule": "phase:Phase=1 min_level:int32=2 max_level:int32=3 stage*:string=4 not_stage*:string=5",
    "LayerParameter": "name:string=1 type:string=2 bottom*:string=3 top*:string=4 blobs*:BlobProto=7 "
    "include*:NetStateRule=8 exclude*:NetStateRule=9 transform_param:TransformationParameter=100 "
    "concat_param:ConcatParameter=104 convolution_param:ConvolutionParameter=106 data_param:DataParameter=107 "
    "dummy_data_param:DummyDataParameter=109 eltwise_param:EltwiseParameter=110 image_data_param:DataParameter=115 "
    "memory_data_param:MemoryDataParameter=119 inner_product_param:InnerProductParameter=117 "
    "pooling_param:PoolingParameter=121 relu_param:ReLUParameter=123 "
    "softmax_param:SoftmaxParameter=125 flatten_param:FlattenParameter=135 batch_norm_param:BatchNormParameter=139 "
    "bias_param:BiasParameter=141 scale_param:ScaleParameter=142 input_param:InputParameter=143",
    "V1LayerParameter": "layer:V0LayerParameter=1 bottom*:string=2 top*:string=3 name:string=4 type:LayerType=5 "
    "blobs*:BlobProto=6 concat_param:ConcatParameter=9 convolution_param:ConvolutionParameter=10 "
    "data_param:DataParameter=11 image_data_param:DataParameter=15 inner_product_param:InnerProductParameter=17 "
    "pooling_param:PoolingParameter=19 "
    "memory_data_param:MemoryDataParameter=22 eltwise_param:EltwiseParameter=24 dummy_data_param:DummyDataParameter=26 "
    "relu_param:ReLUParameter=30 include*:NetStateRule=32 exclude*:NetStateRule=33 "
    "transform_param:TransformationParameter=36 softmax_param:SoftmaxParameter=39",
    "V0LayerParameter": "name:string=1",
    "TransformationParameter": "crop_size:uint32=3",
    "DataParameter": "crop_size:uint32=5",
    "DummyDataParameter": "num*:uint32=2 channels*:uint32=3 height*:uint32=4 width*:uint32=5 shape*:BlobShape=6",
    "MemoryDataParameter": "batch_size:uint32=1 channels:uint32=2 height:uint32=3 width:uint32=4",
    "InputParameter": "shape*:BlobShape=1",
    "ConcatParameter": "concat_dim:uint32=1[1] axis:int32=2[1]",
    "ConvolutionParameter": "num_output:uint32=1 bias_term:bool=2[true] pad*:uint32=3 kernel_size*:uint32=4 "
    "group:uint32=5[1] stride*:uint32=6 pad_h:uint32=9 pad_w:uint32=10 kernel_h:uint32=11 kernel_w:uint32=12 "
    "stride_h:uint32=13 stride_w:uint32=14 axis:int32=16[1] dilation*:uint32=18",
    "PoolingParameter": "pool:PoolMethod=1[MAX] kernel_size:uint32=2 stride:uint32=3[1] pad:uint32=4 kernel_h:uint32=5 "
    "kernel_w:uint32=6 stride_h:uint32=7 stride_w:uint32=8 pad_h:uint32=9 pad_w:uint32=10 global_pooling:bool=12 "
    "round_mode:RoundMode=13[CEIL]",
    "EltwiseParameter": "operation:EltwiseOp=1[SUM] coeff*:float=2",
    "InnerProductParameter": "num_output:uint32=1 bias_term:bool=2[true] axis:int32=5[1] transpose:bool=6",
    "ReLUParameter": "negative_slope:float=1",
    "SoftmaxParameter": "axis:int32=2[1]",
    "FlattenParameter": "axis:int32=1[1] end_axis:int32=2[-1]",
    "BatchNormParameter": "use_global_stats:bool=1 eps:float=3[1e-5]",
    "BiasParameter": "axis:int32=1[1] num_axes:int32=2[1]",
    "ScaleParameter": "axis:int32=1[1] num_axes:int32=2[1] bias_term:bool=4",
}
"""``name:type=number[default]`` of every field, ``name*`` repeated, ``name**`` packed."""


@cache
def net_parameter() -> Any:
    """The class of Caffe's NetParameter: a network in a ``.prototxt``, its weights in a ``.caffemodel``."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto2")
    for message, fields in MESSAGES.items():
        made = file.message_type.add(name=message)
        enums = ENUMS.get(message, {})
        for enum, names in enums.items():
            values = made.enum_type.add(name=enum).value
            for i, value in enumerate(names.split()):
                values.add(name=value, number=i)
        for text in fields.split():
            found = re.fullmatch(r"(\w+)(\*{0,2}):(\w+)=(\d+)(?:\[(.+)\])?", text)
            assert found is not None, text
            name, many, kind, number, default = found.groups()
            field = made.field.add(name=name, number=int(number))
            field.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            if kind in enums:
                field.type, field.type_name = kinds.TYPE_ENUM, f".{PACKAGE}.{message}.{kind}"
            elif kind in MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                field.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
            field.options.packed = many == "**"
            if default is not None:
                field.default_value = default
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.NetParameter"))
