package backendtest

import (
	"google.golang.org/grpc"

	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// clients call the entities of the conformance schema.
type clients struct {
	Items     *pb.ItemServiceClient
	Badges    *pb.BadgeServiceClient
	Events    *pb.EventServiceClient
	Samples   *pb.SampleServiceClient
	Counters  *pb.CounterServiceClient
	Cells     *pb.CellServiceClient
	Documents *pb.DocumentServiceClient
	Accounts  *pb.AccountServiceClient
	Leases    *pb.LeaseServiceClient
	EastNotes *pb.EastNoteServiceClient
	WestNotes *pb.WestNoteServiceClient
	Scalars   *pb.ScalarServiceClient
	Compounds *pb.CompoundServiceClient
	Relics    *pb.RelicServiceClient
	Moderns   *pb.ModernServiceClient
	Tickets   *pb.TicketServiceClient
	Parcels   *pb.ParcelServiceClient
}

func connect(cc grpc.ClientConnInterface) clients {
	return clients{
		Items:     pb.NewItemServiceClient(cc),
		Badges:    pb.NewBadgeServiceClient(cc),
		Events:    pb.NewEventServiceClient(cc),
		Samples:   pb.NewSampleServiceClient(cc),
		Counters:  pb.NewCounterServiceClient(cc),
		Cells:     pb.NewCellServiceClient(cc),
		Documents: pb.NewDocumentServiceClient(cc),
		Accounts:  pb.NewAccountServiceClient(cc),
		Leases:    pb.NewLeaseServiceClient(cc),
		EastNotes: pb.NewEastNoteServiceClient(cc),
		WestNotes: pb.NewWestNoteServiceClient(cc),
		Scalars:   pb.NewScalarServiceClient(cc),
		Compounds: pb.NewCompoundServiceClient(cc),
		Relics:    pb.NewRelicServiceClient(cc),
		Moderns:   pb.NewModernServiceClient(cc),
		Tickets:   pb.NewTicketServiceClient(cc),
		Parcels:   pb.NewParcelServiceClient(cc),
	}
}
