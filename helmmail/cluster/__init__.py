"""The live cluster: reading it, and the rules that say what its objects mean.

The rules (`rollout`, `environment`, `workloads`, `policies`) take objects as the Kubernetes API gives them and return
data; they ask nothing of the network.
"""
