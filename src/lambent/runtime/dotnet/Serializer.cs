using System;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Lambent
{
    // What a LambdaSerializerAttribute on the method or its assembly names: an ILambdaSerializer of the
    // function's own package.
    internal sealed class Serializer
    {
        private const string Attribute = "Amazon.Lambda.Core.LambdaSerializerAttribute";
        private const string Interface = "Amazon.Lambda.Core.ILambdaSerializer";

        private readonly string _method;
        private readonly string _assembly;
        private readonly object _serializer; // null: none is named
        private readonly Type _interface;

        public Serializer(MethodInfo method, Type type)
        {
            _method = method.Name;
            _assembly = type.Assembly.FullName;
            var attribute = Named(method) ?? Named(type.Assembly);
            if (attribute == null)
                return;
            var named = (Type)attribute.GetType().GetProperty("SerializerType").GetValue(attribute);
            _interface = named.GetInterface(Interface);
            if (_interface == null)
                throw new LambdaValidationException(
                    $"The '{named.FullName}' class is invalid: it does not implement the 'ILambdaSerializer' interface.");
            _serializer = Activator.CreateInstance(named);
        }

        // Raises where there is none to `doing`.
        public void Need(string doing, Type type)
        {
            if (_serializer == null)
                throw new LambdaValidationException(
                    $"Could not find the LambdaSerializerAttribute on the assembly '{_assembly}' or method "
                    + $"'{_method}' while attempting to {doing} data of type '{type.FullName}'. To use types other "
                    + "than System.IO.Stream as input/output parameters, the assembly or Lambda function should be "
                    + $"annotated with {Attribute}.");
        }

        public object Read(Type type, Stream from)
        {
            return Call("Deserialize", type, from);
        }

        public void Write(Type type, object value, Stream to)
        {
            Call("Serialize", type, value, to);
        }

        private object Call(string name, Type type, params object[] arguments)
        {
            return _interface.GetMethod(name).MakeGenericMethod(type)
                .Invoke(_serializer, BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }

        private static object Named(ICustomAttributeProvider place)
        {
            return place.GetCustomAttributes(false).FirstOrDefault(one => one.GetType().FullName == Attribute);
        }
    }
}
